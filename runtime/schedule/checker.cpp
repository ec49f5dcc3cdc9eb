#include "runtime/schedule/checker.hpp"

#include <map>

#include "runtime/schedule/dataflow.hpp"
#include "runtime/schedule/rank_checker.hpp"

namespace dsrun {
namespace {

std::vector<ProgramFault> check_sizes(const Program& program) {
  std::vector<ProgramFault> faults;
  const auto require = [&](bool holds, const char* message) {
    if (!holds) faults.push_back({-1, -1, message});
  };
  require(!program.ranks.empty(), "the program has no ranks");
  require(program.num_stages > 0, "the program has no stages");
  require(program.num_directions > 0, "the program has no directions");
  require(program.num_microbatches > 0, "the program has no microbatches");
  require(program.num_directions <= 0 || program.num_microbatches % program.num_directions == 0,
          "the directions do not divide the microbatches");
  return faults;
}

std::vector<ProgramFault> check_placement(const Program& program) {
  std::vector<ProgramFault> faults;
  std::map<std::pair<int, int>, int> copies;  // (direction, stage)
  for (int direction = 0; direction < program.num_directions; ++direction) {
    for (int stage = 0; stage < program.num_stages; ++stage) copies[{direction, stage}] = 0;
  }
  const auto name = [](int direction, int stage) {
    return "direction " + std::to_string(direction) + ", stage " + std::to_string(stage);
  };
  for (int rank = 0; rank < std::ssize(program.ranks); ++rank) {
    for (const Chunk& chunk : program.ranks[rank].chunks) {
      const auto copy = copies.find({chunk.direction, chunk.stage});
      if (copy != copies.end()) {
        ++copy->second;
      } else {
        faults.push_back({rank, -1,
                          "rank " + std::to_string(rank) + " holds " + name(chunk.direction, chunk.stage) +
                              ", which the program does not have"});
      }
    }
  }
  for (const auto& [key, count] : copies) {
    if (count == 1) continue;
    faults.push_back({-1, -1, name(key.first, key.second) + " is on " + std::to_string(count) + " ranks, not on one"});
  }
  return faults;
}

std::string describe(const Program& program, int rank, int instruction) {
  return "rank " + std::to_string(rank) + ", instruction " + std::to_string(instruction) + " (" +
         to_string(program.ranks[rank].instructions[instruction]) + ")";
}

std::string describe(const StageResult& result) {
  return std::string(result.gradient ? "the gradient" : "the activation") + " of microbatch " +
         std::to_string(result.microbatch) + " from direction " + std::to_string(result.direction) + ", stage " +
         std::to_string(result.stage);
}

// Precondition: placement and ranks are free of faults, so a rank that stands still waits for another one.
std::vector<ProgramFault> check_deadlock(const Program& program) {
  std::vector<int> next(program.ranks.size(), 0);
  std::map<StageResult, bool> done;
  for (const auto& [rank, instruction] : runnable_order(program)) {
    next[rank] = instruction + 1;
    const RankProgram& r = program.ranks[rank];
    for (const StageResult& output : outputs_of(r, r.instructions[instruction])) done[output] = true;
  }
  std::vector<ProgramFault> faults;
  for (int rank = 0; rank < std::ssize(program.ranks); ++rank) {
    const RankProgram& waiting = program.ranks[rank];
    if (next[rank] == std::ssize(waiting.instructions)) continue;
    for (const StageResult& input : inputs_of(program, waiting, waiting.instructions[next[rank]])) {
      if (done.contains(input)) continue;
      const int peer = *rank_of(program, input.direction, input.stage);
      faults.push_back({rank, next[rank],
                        describe(program, rank, next[rank]) + ": deadlock, waits for " + describe(input) + ", while " +
                            describe(program, peer, next[peer]) + " cannot start"});
    }
  }
  return faults;
}

}  // namespace

std::vector<ProgramFault> check_program(const Program& program, bool forward_only) {
  std::vector<ProgramFault> faults = check_sizes(program);
  if (faults.empty()) faults = check_placement(program);
  if (!faults.empty()) return faults;
  for (int rank = 0; rank < std::ssize(program.ranks); ++rank) {
    const std::vector<ProgramFault> more = check_rank(program, rank, forward_only);
    faults.insert(faults.end(), more.begin(), more.end());
  }
  return faults.empty() ? check_deadlock(program) : faults;
}

}  // namespace dsrun
