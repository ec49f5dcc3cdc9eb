#include "runtime/schedule/footprint.hpp"

#include <algorithm>
#include <map>

#include "runtime/schedule/dataflow.hpp"

namespace dsrun {
namespace {

// By rank, how many of its instructions must be done.
using VectorClock = std::vector<int>;

void join(VectorClock& clock, const VectorClock& other) {
  std::transform(clock.begin(), clock.end(), other.begin(), clock.begin(), [](int a, int b) { return std::max(a, b); });
}

class Link {
 public:
  explicit Link(int reader) : reader_(reader) {}

  // The receiver's instructions must come in rising order.
  void release(int instruction) { released_by_.push_back(instruction); }
  void send() { ++num_sent_; }

  // `num_sending` more are on the wire when only what `clock` says has happened.
  void observe(int num_sending, const VectorClock& clock) {
    const auto end = std::lower_bound(released_by_.begin(), released_by_.end(), clock[reader_]);
    const auto released = end - released_by_.begin();
    peak_ = std::max(peak_, num_sent_ + num_sending - static_cast<int>(released));
  }
  int peak() const { return peak_; }

 private:
  int reader_;
  int num_sent_ = 0;
  int peak_ = 0;
  std::vector<int> released_by_;
};

// Follows every instruction once, with the least that must have happened anywhere for it to be done. When a sender has
// just emitted, exactly that little having happened is the worst moment of its link.
class CreditCounter {
 public:
  explicit CreditCounter(const Program& program)
      : program_(program), ranks_(program.ranks.size(), VectorClock(program.ranks.size(), 0)) {}

  std::vector<LinkCredit> count() {
    for (const Position& position : runnable_order(program_)) run(position);
    std::vector<LinkCredit> credits;
    for (const auto& [ends, link] : links_) credits.push_back({ends.first, ends.second, link.peak()});
    return credits;
  }

 private:
  struct Emission {
    VectorClock clock;  // what must have happened for the half to be done
    Link* link;         // null: nobody reads it
  };

  void run(const Position& position) {
    const auto& [first, overlapped] = program_.ranks[position.rank].instructions[position.instruction];
    std::vector<Emission> emissions{run_half(position, first, !overlapped)};
    if (overlapped) emissions.push_back(run_half(position, *overlapped, false));
    VectorClock& done = ranks_[position.rank];
    for (const Emission& emission : emissions) join(done, emission.clock);
    done[position.rank] = position.instruction + 1;
    observe(emissions, done);
  }

  // `whole`: the instruction is done with this half.
  Emission run_half(const Position& position, const Half& half, bool whole) {
    const RankProgram& rank = program_.ranks[position.rank];
    Emission emission{ranks_[position.rank], nullptr};
    for (const StageResult& input : inputs_of(program_, rank, half)) {
      join(emission.clock, results_.at(input));
      if (is_read_by(input, rank, half)) {
        link(*rank_of(program_, input.direction, input.stage), position.rank).release(position.instruction);
      }
    }
    if (whole) emission.clock[position.rank] = position.instruction + 1;
    const auto output = output_of(rank, half);
    if (!output) return emission;
    results_[*output] = emission.clock;
    const auto reader = reader_of(program_, *output);
    if (reader) emission.link = &link(position.rank, *reader);
    return emission;
  }

  // Apart from it, a backward needs its own forward, which nobody sends.
  static bool is_read_by(const StageResult& input, const RankProgram& rank, const Half& half) {
    return input.stage != rank.chunks[half.phase].stage;
  }

  Link& link(int from, int to) { return links_.try_emplace({from, to}, to).first->second; }

  // Each half alone, then both: either may be done first.
  void observe(const std::vector<Emission>& emissions, const VectorClock& done) {
    for (const Emission& emission : emissions) {
      if (emission.link) emission.link->observe(1, emission.clock);
    }
    for (const Emission& emission : emissions) {
      if (!emission.link) continue;
      emission.link->send();
      emission.link->observe(0, done);
    }
  }

  const Program& program_;
  std::vector<VectorClock> ranks_;  // of each rank's last instruction
  std::map<StageResult, VectorClock> results_;
  std::map<std::pair<int, int>, Link> links_;
};

int peak_depth(const RankProgram& rank, Kind rises_with, std::initializer_list<Kind> falls_with) {
  int depth = 0;
  int peak = 0;
  const auto falls = [&](const Half& half) {
    return std::find(falls_with.begin(), falls_with.end(), half.kind) != falls_with.end();
  };
  for (const auto& [first, overlapped] : rank.instructions) {
    depth += first.kind == rises_with;
    peak = std::max(peak, depth);
    depth -= falls(first) + (overlapped && falls(*overlapped));
  }
  return peak;
}

}  // namespace

int peak_live_forwards(const RankProgram& rank) {
  return peak_depth(rank, Kind::forward, {Kind::backward, Kind::backward_input});
}

int peak_deferred_weights(const RankProgram& rank) { return peak_depth(rank, Kind::backward_input, {Kind::weight}); }

std::vector<LinkCredit> link_credits(const Program& program) { return CreditCounter(program).count(); }

}  // namespace dsrun
