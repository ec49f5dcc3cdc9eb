// Bytes between ranks: the routing's expectation against all subsets, and a case counted by hand.
#include <gtest/gtest.h>

#include <bit>

#include "cluster/forecast/step_costs.hpp"
#include "cluster/traffic/expert_traffic.hpp"
#include "cluster/traffic/traffic.hpp"
#include "models/transfer.hpp"
#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

TEST(HoldingProbability, without_groups_is_that_of_all_choices) {
  for (int experts = 1; experts <= 10; ++experts)
    for (int local = 1; local <= experts; ++local)
      for (int chosen = 1; chosen <= experts; ++chosen) {
        int all = 0, meet = 0;
        for (unsigned choice = 0; choice < 1u << experts; ++choice) {
          if (std::popcount(choice) != chosen) continue;
          ++all;
          if ((choice & ((1u << local) - 1)) != 0) ++meet;
        }
        ModelSpec model;
        model.experts = experts;
        model.experts_per_token = chosen;
        model.expert_groups = model.groups_per_token = 1;
        EXPECT_NEAR(holding_probability(model, local), static_cast<double>(meet) / all, 1e-12)
            << local << " of " << experts << ", " << chosen << " chosen";
      }
}

const LinkBytes* find(const std::vector<LinkBytes>& links, int from, int to) {
  for (const LinkBytes& link : links)
    if (link.from == from && link.to == to) return &link;
  return nullptr;
}

// Two stages, two data ranks, one expert group of two a stage: ranks 0 1 | 2 3.
TEST(StepTraffic, is_what_a_hand_counts) {
  const Plan plan = make_plan(test::layout_job("1f1b", 2, 2, 2));
  const std::vector<LinkBytes> links = step_traffic(plan);
  EXPECT_EQ(links.size(), 8u);                             // 0↔1, 2↔3, 0↔2, 1↔3
  constexpr std::int64_t tokens = 4 * 1 * 6, hidden = 12;  // a rank's in a step
  const std::int64_t boundary = tokens * hidden * 2;       // bf16
  for (const auto& [from, to] : {std::pair{0, 2}, {2, 0}, {1, 3}, {3, 1}}) {
    const LinkBytes* link = find(links, from, to);
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->total(), boundary);
    EXPECT_EQ(link->pipeline, boundary);
  }
  // Stage 1 has four MoE layers, stage 0 none. A token has an expert among the other member's two of four groups in
  // 13 of 18 cases: it chooses two groups of two experts, then two of these. Rows cross four times (each rank's two
  // ways, there and back, halves of which it sends); gates twice.
  const double rows = 4 * (13.0 / 18) * static_cast<double>(boundary);
  const double gates = 2 * static_cast<double>(tokens) * 2 / 2 * 4;
  for (const auto& [from, to] : {std::pair{2, 3}, {3, 2}}) {
    const LinkBytes* link = find(links, from, to);
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->pipeline, 0);
    EXPECT_NEAR(static_cast<double>(link->expert), 4 * (rows + gates), 2);
  }
  EXPECT_EQ(find(links, 0, 1)->expert, 0);
  // Stage 0's parameters: embedding, norms, MLA, dense MLP, each padded to 32 elements; half each way in fp32 gradients
  // and bf16 weights.
  std::int64_t elements = 0;
  for (const std::int64_t size : {256 * 12, 12, 5 * 12, 5, 10 * 5, 9 * 12, 7, 12 * 7, 12 * 6, 12, 22 * 12, 12 * 11})
    elements += (size + 31) / 32 * 32;
  const std::int64_t shard = (elements + 63) / 64 * 64 / 2;
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 0}})
    EXPECT_EQ(find(links, from, to)->synchronisation, shard * (4 + 2));
}

// Recomputed in full, dispatch sends its rows and gates once more, and nothing else changes.
TEST(StepTraffic, of_full_recomputation_has_dispatch_twice) {
  Job job = test::layout_job("1f1b", 2, 2, 2);
  const std::vector<LinkBytes> kept = step_traffic(make_plan(job));
  job.memory.recompute.full = true;
  const std::vector<LinkBytes> again = step_traffic(make_plan(job));
  constexpr std::int64_t tokens = 4 * 1 * 6;
  const double dispatched = (13.0 / 18) * tokens * 12 * 2 + tokens * 2 / 2 * 4;
  EXPECT_NEAR(static_cast<double>(find(again, 2, 3)->expert - find(kept, 2, 3)->expert), 4 * dispatched, 2);
  EXPECT_EQ(find(again, 0, 2)->total(), find(kept, 0, 2)->total());
}

// Bytes that the replay has a rank send in a step: rows and gates, without what announces them.
double replayed_bytes(const Plan& plan, int rank) {
  const DeviceModel model;
  const StepCosts costs(plan, model);
  double sum = 0;
  for (int phase = 0; phase < plan.num_phases(rank); ++phase) {
    const int index = plan.chunk(rank, phase).stage;
    const StageSteps& stage = plan.stages[static_cast<std::size_t>(index)];
    const CostedStage costed = costs.stage(index, rank, false);
    const auto add = [&](const StepList& list, const CostedList& costs_of) {
      for (std::size_t s = 0; s < list.size(); ++s)
        if (movement(stage.graph, list[s]) != Movement::announce)
          sum += costs_of[s].local_bytes + costs_of[s].network_bytes;
    };
    add(stage.forward, costed.forward);
    add(stage.backward, costed.backward);
  }
  return sum * plan.program.microbatches_per_direction();
}

TEST(StepTraffic, of_experts_is_what_the_replay_sends) {
  Job nodes = test::layout_job("1f1b", 1, 4, 4);
  nodes.cluster.nodes = {{"node", 2, "h800", 2}};
  nodes.parallel.layers_per_stage.clear();
  for (Job job : {test::layout_job("1f1b", 2, 2, 2), test::layout_job("dualpipe", 2, 2, 2), nodes})
    for (const bool recomputes : {false, true}) {
      job.memory.recompute.full = recomputes;
      const Plan plan = make_plan(job);
      const std::vector<LinkBytes> links = step_traffic(plan);
      for (int rank = 0; rank < plan.mesh.size(); ++rank) {
        double counted = 0;
        for (const LinkBytes& link : links) counted += link.from == rank ? static_cast<double>(link.expert) : 0;
        EXPECT_NEAR(counted, replayed_bytes(plan, rank), 16) << job.parallel.schedule << " rank " << rank;
      }
    }
}

TEST(StepTraffic, of_one_rank_is_none) {
  EXPECT_TRUE(step_traffic(make_plan(test::layout_job("1f1b", 1, 1, 1))).empty());
}

// DualPipe's mirrors hold copies of each other's stages: they synchronise, and rows travel both ways on every link.
TEST(StepTraffic, of_dualpipe_is_symmetric) {
  const std::vector<LinkBytes> links = step_traffic(make_plan(test::layout_job("dualpipe", 4, 1, 1)));
  for (const LinkBytes& link : links) {
    const LinkBytes* back = find(links, link.to, link.from);
    ASSERT_NE(back, nullptr);
    EXPECT_EQ(link.total(), back->total());
    EXPECT_NE(link.from, link.to);
    EXPECT_EQ(link.synchronisation > 0, link.from + link.to == 3) << link.from << " to " << link.to;
    EXPECT_EQ(link.pipeline > 0, std::abs(link.from - link.to) == 1) << link.from << " to " << link.to;
  }
  EXPECT_EQ(links.size(), 8u);  // three neighbours and the outer pair; the inner pair are neighbours too
}

}  // namespace
}  // namespace dsrun
