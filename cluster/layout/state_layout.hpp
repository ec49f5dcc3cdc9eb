// StateLayout: which ranks hold, and which rank owns, every element of every parameter. Optimizer shards, checkpoints
// and moves (moves.hpp) all read this one table.
//
// Parameters that have the same copies are laid end to end in a bucket: one flat range for weights, gradients and
// optimizer state. Each of its ranks holds a copy; rank k of n owns shard k: elements [k·shard, (k+1)·shard).
// DualPipe's mirror ranks simply hold more copies. So do stages that share a parameter: the embedding is read by the
// first stage, and by the prediction modules in the last stage. A rank that holds several of these stages has the
// parameter once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/layout/mesh.hpp"
#include "models/graph.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// A stage that reads a parameter, and the parameter's index in that stage's graph.
struct ParamUse {
  int stage = 0;
  int param = 0;
};

// A contiguous range of elements of a global tensor, and its place in a bucket.
struct TensorPart {
  std::vector<ParamUse> uses;  // ascending in stage
  std::string name;
  std::int64_t global_size = 0;   // elements of the whole tensor
  std::int64_t global_begin = 0;  // first element held here (experts: the shard's first)
  std::int64_t size = 0;
  std::int64_t offset = 0;  // in the bucket
  bool decays = false;      // weight decay applies
  Init init = Init::normal;
};

struct Bucket {
  int stage = 0;           // the first stage that reads it
  int expert_shard = -1;   // −1: parameters that every data rank copies
  std::vector<int> ranks;  // copies, ascending: also the order of every sum
  std::vector<TensorPart> parts;
  std::int64_t size = 0;  // elements, padded to a multiple of ranks × shard_alignment
  std::int64_t shard_size() const { return size / static_cast<std::int64_t>(ranks.size()); }
};

inline constexpr std::int64_t shard_alignment = 32;  // elements: a cache line of bf16

struct StateLayout {
  // In stage order; within a stage, first its own parameters, then those shared with other stages, then the experts'.
  std::vector<Bucket> buckets;

  // Indices of the buckets that a rank holds, ascending: the order in which it reduces and gathers.
  std::vector<int> buckets_of(int rank) const;
};

StateLayout lay_out_state(const Mesh& mesh, const Program& program, const std::vector<Graph>& stages);

// A range of a tensor that one rank's shard of a bucket owns.
struct OwnedRange {
  const TensorPart* part;
  std::int64_t begin;  // in the global tensor
  std::int64_t size;
  std::int64_t offset;  // in the shard
};
std::vector<OwnedRange> owned_ranges(const Bucket& bucket, int member);

}  // namespace dsrun
