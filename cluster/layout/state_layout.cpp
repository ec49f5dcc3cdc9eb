#include "cluster/layout/state_layout.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace dsrun {
namespace {

std::vector<int> holders(const Mesh& mesh, const Program& program, const std::vector<int>& stages, int expert_shard) {
  std::vector<int> ranks;
  for (int p = 0; p < mesh.pipeline; ++p) {
    const auto& chunks = program.ranks[static_cast<std::size_t>(p)].chunks;
    const auto holds = [&](const Chunk& chunk) {
      return std::find(stages.begin(), stages.end(), chunk.stage) != stages.end();
    };
    if (std::none_of(chunks.begin(), chunks.end(), holds)) continue;
    for (int d = 0; d < mesh.data; ++d) {
      const int rank = mesh.rank(p, d);
      if (expert_shard < 0 || mesh.expert_index(rank) == expert_shard) ranks.push_back(rank);
    }
  }
  return ranks;
}

// Where each parameter is read, by name.
using Uses = std::map<std::string, std::vector<ParamUse>>;

Uses uses_in(const std::vector<Graph>& stages) {
  Uses uses;
  for (std::size_t stage = 0; stage < stages.size(); ++stage)
    for (std::size_t i = 0; i < stages[stage].params.size(); ++i)
      uses[stages[stage].params[i].name].push_back({static_cast<int>(stage), static_cast<int>(i)});
  return uses;
}

std::vector<int> stages_of(const std::vector<ParamUse>& uses) {
  std::vector<int> stages;
  for (const ParamUse& use : uses) stages.push_back(use.stage);
  return stages;
}

class Layout {
 public:
  Layout(const Mesh& mesh, const Program& program, const std::vector<Graph>& stages)
      : mesh_(mesh), program_(program), stages_(stages), uses_(uses_in(stages)) {}

  StateLayout lay_out() {
    for (int stage = 0; stage < static_cast<int>(stages_.size()); ++stage) {
      add({stage}, -1);
      for (const std::vector<int>& stages : shared_from(stage)) add(stages, -1);
      for (int shard = 0; shard < mesh_.expert; ++shard) add({stage}, shard);
    }
    return std::move(layout_);
  }

 private:
  // The groups of several stages that share a parameter and of which `stage` is the first.
  std::set<std::vector<int>> shared_from(int stage) const {
    std::set<std::vector<int>> groups;
    for (const auto& [name, uses] : uses_)
      if (uses.size() > 1 && uses[0].stage == stage) groups.insert(stages_of(uses));
    return groups;
  }

  // The bucket of the parameters that exactly these stages read, unless there are none.
  void add(const std::vector<int>& stages, int expert_shard) {
    Bucket bucket{stages[0], expert_shard, holders(mesh_, program_, stages, expert_shard), {}, 0};
    for (const Param& param : stages_[static_cast<std::size_t>(stages[0])].params) {
      const std::vector<ParamUse>& uses = uses_.at(param.name);
      if ((param.experts > 0) != (expert_shard >= 0) || stages_of(uses) != stages) continue;
      TensorPart part{uses, param.name, param.size(), 0, param.size(), bucket.size, param.is_matrix(), param.init};
      if (expert_shard >= 0) {
        part.size /= mesh_.expert;
        part.global_begin = part.size * expert_shard;
      }
      // Each tensor starts on a cache line, whatever came before it.
      bucket.size += (part.size + shard_alignment - 1) / shard_alignment * shard_alignment;
      bucket.parts.push_back(std::move(part));
    }
    if (bucket.parts.empty()) return;
    const std::int64_t unit = shard_alignment * static_cast<std::int64_t>(bucket.ranks.size());
    bucket.size = (bucket.size + unit - 1) / unit * unit;
    layout_.buckets.push_back(std::move(bucket));
  }

  const Mesh& mesh_;
  const Program& program_;
  const std::vector<Graph>& stages_;
  Uses uses_;
  StateLayout layout_;
};

}  // namespace

StateLayout lay_out_state(const Mesh& mesh, const Program& program, const std::vector<Graph>& stages) {
  return Layout(mesh, program, stages).lay_out();
}

std::vector<int> StateLayout::buckets_of(int rank) const {
  std::vector<int> held;
  for (std::size_t i = 0; i < buckets.size(); ++i)
    if (std::binary_search(buckets[i].ranks.begin(), buckets[i].ranks.end(), rank)) held.push_back(static_cast<int>(i));
  return held;
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
