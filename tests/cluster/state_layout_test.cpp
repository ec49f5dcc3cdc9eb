// Who holds and who owns each element: once, whatever the mesh.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

using MeshSizes = std::tuple<const char*, int, int, int>;

struct Meshes : testing::TestWithParam<std::tuple<MeshSizes, int>> {
  Plan plan() const {
    const auto& [mesh, mtp_depth] = GetParam();
    const auto [schedule, pipeline, data, expert] = mesh;
    return make_plan(test::layout_job(schedule, pipeline, data, expert, mtp_depth));
  }
};

constexpr MeshSizes sizes[] = {{"1f1b", 1, 1, 1},        {"1f1b", 1, 4, 2},      {"1f1b", 3, 1, 1},
                               {"1f1b", 2, 2, 1},        {"1f1b", 2, 2, 2},      {"1f1b", 2, 4, 2},
                               {"1f1b", 2, 4, 4},        {"dualpipe", 2, 1, 1},  {"dualpipe", 4, 1, 1},
                               {"dualpipe", 2, 2, 2},    {"dualpipe", 4, 2, 1},  {"dualpipe", 2, 4, 2},
                               {"dualpipe", 2, 4, 4},    {"dualpipev", 1, 2, 1}, {"dualpipev", 2, 2, 2},
                               {"interleaved", 2, 2, 1}, {"zb1p", 3, 2, 2},      {"gpipe", 2, 1, 1}};

std::string name_of(const testing::TestParamInfo<std::tuple<MeshSizes, int>>& info) {
  const auto& [mesh, mtp_depth] = info.param;
  const auto [schedule, pipeline, data, expert] = mesh;
  return std::string(schedule) + "_p" + std::to_string(pipeline) + "_d" + std::to_string(data) + "_e" +
         std::to_string(expert) + "_mtp" + std::to_string(mtp_depth);
}

INSTANTIATE_TEST_SUITE_P(StateLayout, Meshes, testing::Combine(testing::ValuesIn(sizes), testing::Values(0, 2)),
                         name_of);

TEST_P(Meshes, every_element_has_one_owner) {
  const Plan planned = plan();
  std::map<std::string, std::vector<int>> owners;
  for (const Param& param : build_graph(planned.job.model).params)
    owners[param.name].assign(static_cast<std::size_t>(param.size()), 0);
  for (const Bucket& bucket : planned.layout.buckets)
    for (int member = 0; member < static_cast<int>(bucket.ranks.size()); ++member) {
      std::int64_t free_from = 0;  // in the shard: ranges ascend and do not overlap
      for (const OwnedRange& range : owned_ranges(bucket, member)) {
        EXPECT_GE(range.offset, free_from);
        free_from = range.offset + range.size;
        std::vector<int>& counts = owners.at(range.part->name);
        for (std::int64_t i = 0; i < range.size; ++i) ++counts.at(static_cast<std::size_t>(range.begin + i));
      }
      EXPECT_LE(free_from, bucket.shard_size());
    }
  for (const auto& [name, counts] : owners)
    for (std::size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], 1) << name << " element " << i;
}

// Once each, whatever several stages of a rank read it.
TEST_P(Meshes, each_rank_holds_exactly_its_stages_parameters) {
  const Plan planned = plan();
  const Mesh& mesh = planned.mesh;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    std::map<std::string, std::int64_t> held, expected;
    for (const int index : planned.layout.buckets_of(rank))
      for (const TensorPart& part : planned.layout.buckets.at(static_cast<std::size_t>(index)).parts) {
        held[part.name] += part.size;
        const bool sharded = part.size < part.global_size;
        EXPECT_EQ(part.global_begin, sharded ? part.size * mesh.expert_index(rank) : 0) << part.name;
      }
    for (int phase = 0; phase < planned.num_phases(rank); ++phase) {
      const int stage = planned.chunk(rank, phase).stage;
      for (const Param& param : planned.stages[static_cast<std::size_t>(stage)].graph.params)
        expected[param.name] = param.experts > 0 ? param.size() / mesh.expert : param.size();
    }
    EXPECT_EQ(held, expected) << "rank " << rank;
  }
}

TEST_P(Meshes, shards_and_tensors_start_on_cache_lines) {
  for (const Bucket& bucket : plan().layout.buckets) {
    EXPECT_EQ(bucket.shard_size() * static_cast<std::int64_t>(bucket.ranks.size()), bucket.size);
    EXPECT_EQ(bucket.shard_size() % shard_alignment, 0);
    EXPECT_TRUE(std::is_sorted(bucket.ranks.begin(), bucket.ranks.end()));
    std::int64_t used = 0;
    for (const TensorPart& part : bucket.parts) {
      EXPECT_EQ(part.offset % shard_alignment, 0) << part.name;
      EXPECT_GE(part.offset, used) << part.name;
      used = part.offset + part.size;
    }
    EXPECT_LE(used, bucket.size);
    EXPECT_LT(bucket.size - used, shard_alignment * static_cast<std::int64_t>(bucket.ranks.size() + 1));
  }
}

// By the schedules' definitions, not their Programs.
std::set<int> holders(const Plan& plan, int stage) {
  const int last = plan.mesh.pipeline - 1;
  if (plan.job.parallel.schedule == "dualpipe") return {stage, last - stage};
  if (plan.job.parallel.schedule == "dualpipev") return {std::min(stage, 2 * last + 1 - stage)};
  return {stage % plan.mesh.pipeline};
}

// The copies of a bucket: all data ranks (of its expert index) on each pipeline index that runs the stage.
TEST_P(Meshes, mirrors_share_a_bucket) {
  const Plan planned = plan();
  const Mesh& mesh = planned.mesh;
  for (const Bucket& bucket : planned.layout.buckets) {
    std::set<int> expected;
    for (const ParamUse& use : bucket.parts.at(0).uses)
      for (int p : holders(planned, use.stage))
        for (int d = 0; d < mesh.data; ++d)
          if (bucket.expert_shard < 0 || d % mesh.expert == bucket.expert_shard) expected.insert(mesh.rank(p, d));
    EXPECT_EQ(bucket.ranks, std::vector<int>(expected.begin(), expected.end()));
  }
}

// The first stage's embedding is the prediction modules' in the last stage; nothing else is shared between stages.
TEST_P(Meshes, only_the_embedding_is_shared_between_stages) {
  const Plan planned = plan();
  const int last = planned.program.num_stages - 1;
  for (const Bucket& bucket : planned.layout.buckets)
    for (const TensorPart& part : bucket.parts) {
      const bool shared = part.name == "model.embed_tokens.weight" && last > 0 && planned.job.model.mtp_depth > 0;
      ASSERT_EQ(part.uses.size(), shared ? 2U : 1U) << part.name;
      EXPECT_EQ(part.uses[0].stage, bucket.stage);
      if (shared) {
        EXPECT_EQ(part.uses[1].stage, last);
      }
      for (const ParamUse& use : part.uses)
        EXPECT_EQ(planned.stages.at(static_cast<std::size_t>(use.stage))
                      .graph.params.at(static_cast<std::size_t>(use.param))
                      .name,
                  part.name);
    }
}

}  // namespace
}  // namespace dsrun
