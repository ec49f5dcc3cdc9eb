#include "tests/schedule/reference.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <tuple>

namespace dsrun::reference {
namespace {

// Letter F or B, direction, stage, microbatch.
using Token = std::tuple<char, int, int, int>;

Token token_of(const RankProgram& rank, const Half& half) {
  const Chunk chunk = rank.chunks.at(half.phase);
  return {half.kind == Kind::forward ? 'F' : 'B', chunk.direction, chunk.stage, half.microbatch};
}

std::vector<Half> halves_of(const Instruction& instruction) {
  if (instruction.overlapped) return {instruction.first, *instruction.overlapped};
  return {instruction.first};
}

std::vector<Token> needs(const Program& program, const RankProgram& rank, const Half& half) {
  if (half.kind == Kind::weight) return {};
  const auto [letter, direction, stage, microbatch] = token_of(rank, half);
  std::vector<Token> tokens;
  if (letter == 'F' && stage > 0) tokens.push_back({'F', direction, stage - 1, microbatch});
  if (letter == 'B') tokens.push_back({'F', direction, stage, microbatch});
  if (letter == 'B' && stage < program.num_stages - 1) tokens.push_back({'B', direction, stage + 1, microbatch});
  return tokens;
}

class Interpreter {
 public:
  explicit Interpreter(const Program& program)
      : program_(program), next_(program.ranks.size(), 0), fifos_(program.ranks.size()) {}

  bool run() {
    while (step_any()) {
    }
    for (std::size_t r = 0; r < next_.size(); ++r) {
      if (next_[r] != program_.ranks[r].instructions.size() || !fifos_[r].empty()) return false;
    }
    return true;
  }
  const std::multiset<Token>& done() const { return done_; }

 private:
  bool step_any() {
    for (std::size_t r = 0; r < next_.size(); ++r) {
      if (next_[r] < program_.ranks[r].instructions.size() && step(r)) return true;
    }
    return false;
  }

  bool step(std::size_t r) {
    const RankProgram& rank = program_.ranks[r];
    const std::vector<Half> halves = halves_of(rank.instructions[next_[r]]);
    for (const Half& half : halves) {
      for (const Token& token : needs(program_, rank, half)) {
        if (!done_.contains(token)) return false;
      }
      if (half.kind == Kind::weight &&
          (fifos_[r].empty() || fifos_[r].front() != std::pair<int, int>{half.phase, half.microbatch})) {
        return false;
      }
    }
    for (const Half& half : halves) {
      if (half.kind == Kind::weight) fifos_[r].pop_front();
      if (half.kind == Kind::backward_input) fifos_[r].push_back({half.phase, half.microbatch});
      if (half.kind != Kind::weight) done_.insert(token_of(rank, half));
    }
    ++next_[r];
    return true;
  }

  const Program& program_;
  std::vector<std::size_t> next_;
  std::vector<std::deque<std::pair<int, int>>> fifos_;
  std::multiset<Token> done_;
};

// Per rank: how many instructions are done, and which halves of the next one (bits).
using State = std::vector<std::pair<int, int>>;

class StateSpace {
 public:
  explicit StateSpace(const Program& program) : program_(program) {}

  std::map<std::pair<int, int>, int> explore() {
    std::vector<State> open{State(program_.ranks.size(), {0, 0})};
    std::set<State> seen(open.begin(), open.end());
    while (!open.empty()) {
      const State state = open.back();
      open.pop_back();
      measure(state);
      for (const State& next : successors(state)) {
        if (seen.insert(next).second) open.push_back(next);
      }
    }
    return most_;
  }

 private:
  struct Progress {
    std::map<Token, int> emitted;              // by which rank
    std::set<std::pair<Token, int>> released;  // by which rank
  };

  Progress progress(const State& state) const {
    Progress result;
    for (int r = 0; r < std::ssize(state); ++r) {
      const RankProgram& rank = program_.ranks[r];
      for (int at = 0; at <= state[r].first && at < std::ssize(rank.instructions); ++at) {
        const std::vector<Half> halves = halves_of(rank.instructions[at]);
        for (int h = 0; h < std::ssize(halves); ++h) {
          const bool whole = at < state[r].first;
          if (halves[h].kind == Kind::weight || !(whole || (state[r].second >> h & 1))) continue;
          result.emitted[token_of(rank, halves[h])] = r;
          if (!whole) continue;
          for (const Token& token : needs(program_, rank, halves[h])) result.released.insert({token, r});
        }
      }
    }
    return result;
  }

  void measure(const State& state) {
    const Progress now = progress(state);
    std::map<std::pair<int, int>, int> in_flight;
    for (const auto& [token, from] : now.emitted) {
      const auto [letter, direction, stage, microbatch] = token;
      const int next_stage = letter == 'F' ? stage + 1 : stage - 1;
      for (int to = 0; to < std::ssize(program_.ranks); ++to) {
        const auto& chunks = program_.ranks[to].chunks;
        const bool reads = std::find(chunks.begin(), chunks.end(), Chunk{next_stage, direction}) != chunks.end();
        if (reads && !now.released.contains({token, to})) ++in_flight[{from, to}];
      }
    }
    for (const auto& [link, count] : in_flight) most_[link] = std::max(most_[link], count);
  }

  std::vector<State> successors(const State& state) const {
    const Progress now = progress(state);
    std::vector<State> result;
    for (std::size_t r = 0; r < state.size(); ++r) {
      const RankProgram& rank = program_.ranks[r];
      if (state[r].first == std::ssize(rank.instructions)) continue;
      const std::vector<Half> halves = halves_of(rank.instructions[state[r].first]);
      for (std::size_t h = 0; h < halves.size(); ++h) {
        const std::vector<Token> tokens = needs(program_, rank, halves[h]);
        const auto is_there = [&](const Token& token) { return now.emitted.contains(token); };
        if ((state[r].second >> h & 1) || !std::all_of(tokens.begin(), tokens.end(), is_there)) continue;
        State next = state;
        next[r].second |= 1 << h;
        if (next[r].second == (1 << halves.size()) - 1) next[r] = {state[r].first + 1, 0};
        result.push_back(next);
      }
    }
    return result;
  }

  const Program& program_;
  std::map<std::pair<int, int>, int> most_;
};

}  // namespace

bool is_valid(const Program& program, bool forward_only) {
  Interpreter interpreter(program);
  if (!interpreter.run()) return false;
  std::multiset<Token> expected;
  for (int direction = 0; direction < program.num_directions; ++direction) {
    for (int stage = 0; stage < program.num_stages; ++stage) {
      for (int microbatch = 0; microbatch < program.microbatches_per_direction(); ++microbatch) {
        expected.insert({'F', direction, stage, microbatch});
        if (!forward_only) expected.insert({'B', direction, stage, microbatch});
      }
    }
  }
  return interpreter.done() == expected;
}

std::map<std::pair<int, int>, int> most_in_flight(const Program& program) { return StateSpace(program).explore(); }

}  // namespace dsrun::reference
