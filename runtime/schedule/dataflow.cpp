#include "runtime/schedule/dataflow.hpp"

#include <algorithm>
#include <set>

namespace dsrun {

std::optional<StageResult> output_of(const RankProgram& rank, const Half& half) {
  if (half.kind == Kind::weight) return std::nullopt;
  const Chunk& chunk = rank.chunks[half.phase];
  return StageResult{half.kind != Kind::forward, chunk.direction, chunk.stage, half.microbatch};
}

std::vector<StageResult> inputs_of(const Program& program, const RankProgram& rank, const Half& half) {
  const auto [stage, direction] = rank.chunks[half.phase];
  const StageResult own_forward{false, direction, stage, half.microbatch};
  switch (half.kind) {
    case Kind::forward:
      if (stage == 0) return {};
      return {{false, direction, stage - 1, half.microbatch}};
    case Kind::backward:
    case Kind::backward_input:
      if (stage == program.num_stages - 1) return {own_forward};
      return {own_forward, {true, direction, stage + 1, half.microbatch}};
    case Kind::weight:
      break;
  }
  return {};  // the rank's own order suffices
}

std::vector<StageResult> outputs_of(const RankProgram& rank, const Instruction& instruction) {
  std::vector<StageResult> outputs;
  if (const auto output = output_of(rank, instruction.first)) outputs.push_back(*output);
  if (!instruction.overlapped) return outputs;
  if (const auto output = output_of(rank, *instruction.overlapped)) outputs.push_back(*output);
  return outputs;
}

std::vector<StageResult> inputs_of(const Program& program, const RankProgram& rank, const Instruction& instruction) {
  std::vector<StageResult> inputs = inputs_of(program, rank, instruction.first);
  if (!instruction.overlapped) return inputs;
  const std::vector<StageResult> more = inputs_of(program, rank, *instruction.overlapped);
  inputs.insert(inputs.end(), more.begin(), more.end());
  return inputs;
}

std::optional<int> rank_of(const Program& program, int direction, int stage) {
  for (std::size_t rank = 0; rank < program.ranks.size(); ++rank) {
    const auto& chunks = program.ranks[rank].chunks;
    if (std::find(chunks.begin(), chunks.end(), Chunk{stage, direction}) != chunks.end()) return static_cast<int>(rank);
  }
  return std::nullopt;
}

std::optional<int> reader_of(const Program& program, const StageResult& result) {
  return rank_of(program, result.direction, result.gradient ? result.stage - 1 : result.stage + 1);
}

std::vector<Position> runnable_order(const Program& program) {
  std::vector<Position> order;
  std::vector<std::size_t> next(program.ranks.size(), 0);
  std::set<StageResult> done;
  const auto advance = [&](std::size_t index) {  // runs what this rank can run now
    const RankProgram& rank = program.ranks[index];
    for (; next[index] < rank.instructions.size(); ++next[index]) {
      const Instruction& instruction = rank.instructions[next[index]];
      for (const StageResult& input : inputs_of(program, rank, instruction)) {
        if (!done.contains(input)) return;
      }
      for (const StageResult& output : outputs_of(rank, instruction)) done.insert(output);
      order.push_back({static_cast<int>(index), static_cast<int>(next[index])});
    }
  };
  std::size_t before = 0;
  do {
    before = order.size();
    for (std::size_t index = 0; index < program.ranks.size(); ++index) advance(index);
  } while (order.size() > before);
  return order;
}

}  // namespace dsrun
