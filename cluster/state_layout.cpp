#include "cluster/state_layout.hpp"

#include <algorithm>

namespace dsrun {
namespace {

std::vector<int> holders(const Mesh& mesh, const Program& program, int stage, int expert_shard) {
  std::vector<int> ranks;
  for (int p = 0; p < mesh.pipeline; ++p) {
    const auto& chunks = program.ranks[static_cast<std::size_t>(p)].chunks;
    if (std::none_of(chunks.begin(), chunks.end(), [&](const Chunk& chunk) { return chunk.stage == stage; })) continue;
    for (int d = 0; d < mesh.data; ++d) {
      const int rank = mesh.rank(p, d);
      if (expert_shard < 0 || mesh.expert_index(rank) == expert_shard) ranks.push_back(rank);
    }
  }
  return ranks;
}

Bucket make_bucket(const Mesh& mesh, const Graph& graph, int stage, int expert_shard, std::vector<int> ranks) {
  Bucket bucket{stage, expert_shard, std::move(ranks), {}, 0};
  for (std::size_t i = 0; i < graph.params.size(); ++i) {
    const Param& param = graph.params[i];
    if ((param.experts > 0) != (expert_shard >= 0)) continue;
    TensorPart part{static_cast<int>(i), param.name,  param.size(),      0,
                    param.size(),        bucket.size, param.is_matrix(), param.init};
    if (expert_shard >= 0) {
      part.size /= mesh.expert;
      part.global_begin = part.size * expert_shard;
    }
    // Each tensor starts on a cache line, whatever came before it.
    bucket.size += (part.size + shard_alignment - 1) / shard_alignment * shard_alignment;
    bucket.parts.push_back(std::move(part));
  }
  const std::int64_t unit = shard_alignment * static_cast<std::int64_t>(bucket.ranks.size());
  bucket.size = (bucket.size + unit - 1) / unit * unit;
  return bucket;
}

}  // namespace

StateLayout lay_out_state(const Mesh& mesh, const Program& program, const std::vector<Graph>& stages) {
  StateLayout layout;
  for (int stage = 0; stage < static_cast<int>(stages.size()); ++stage)
    for (int shard = -1; shard < mesh.expert; ++shard) {
      Bucket bucket = make_bucket(mesh, stages[static_cast<std::size_t>(stage)], stage, shard,
                                  holders(mesh, program, stage, shard));
      if (!bucket.parts.empty()) layout.buckets.push_back(std::move(bucket));
    }
  return layout;
}

std::vector<int> StateLayout::buckets_of(int rank) const {
  std::vector<int> held;
  for (std::size_t i = 0; i < buckets.size(); ++i)
    if (std::binary_search(buckets[i].ranks.begin(), buckets[i].ranks.end(), rank)) held.push_back(static_cast<int>(i));
  return held;
}

int StateLayout::find(int stage, int expert_shard) const {
  for (std::size_t i = 0; i < buckets.size(); ++i)
    if (buckets[i].stage == stage && buckets[i].expert_shard == expert_shard) return static_cast<int>(i);
  return -1;
}

std::vector<OwnedRange> owned_ranges(const Bucket& bucket, int member) {
  const std::int64_t first = bucket.shard_size() * member, last = first + bucket.shard_size();
  std::vector<OwnedRange> ranges;
  for (const TensorPart& part : bucket.parts) {
    const std::int64_t begin = std::max(first, part.offset), end = std::min(last, part.offset + part.size);
    if (begin < end) ranges.push_back({&part, part.global_begin + begin - part.offset, end - begin, begin - first});
  }
  return ranges;
}

}  // namespace dsrun
