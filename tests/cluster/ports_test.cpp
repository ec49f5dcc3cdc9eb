// Planners ask for the bytes of a boundary: with several ports they count all of them.
#include <gtest/gtest.h>

#include "cluster/forecast/forecast.hpp"
#include "cluster/forecast/replay.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "cluster/traffic/traffic.hpp"
#include "tests/cluster/small_layout.hpp"
#include "tests/models/cut_inside_layers.hpp"

namespace dsrun {
namespace {

// Two stages of two data ranks; 6 tokens a microbatch, 4 microbatches, rows of 12 elements of 2 bytes.
constexpr std::int64_t boundary_tokens = 6, boundary_microbatches = 4, boundary_hidden = 12, boundary_element = 2;

struct Planned {
  Plan plan;
  std::int64_t columns;  // of all ports of the boundary
};

std::vector<Planned> cut_plans(int data = 2) {
  const Job job = test::layout_job("1f1b", 2, data, data);
  const Graph model = build_graph(job.model);
  const std::int64_t queries = 2 * (3 + 2), rotated_keys = 2, keys_and_values = 2 * (3 + 3);
  std::vector<Planned> all;
  all.push_back({make_plan(job), boundary_hidden});
  all.push_back({make_plan(job, test::cut_behind_mlp_norm(model, job.model.layers)), 2 * boundary_hidden});
  all.push_back({make_plan(job, test::cut_before_attention(model, job.model.layers)),
                 boundary_hidden + queries + rotated_keys + keys_and_values});
  return all;
}

TEST(Boundary, traffic_and_forecast_count_every_port) {
  for (const auto& [plan, columns] : cut_plans()) {
    const std::int64_t bytes = boundary_tokens * columns * boundary_element;
    EXPECT_EQ(boundary_bytes(plan, 0, Kind::forward), bytes);
    EXPECT_EQ(boundary_bytes(plan, 1, Kind::backward), bytes);
    EXPECT_EQ(boundary_bytes(plan, 1, Kind::backward_input), bytes);
    EXPECT_EQ(boundary_bytes(plan, 0, Kind::weight) + boundary_bytes(plan, 1, Kind::forward), 0);
    std::int64_t counted = 0;
    for (const LinkBytes& link : step_traffic(plan)) counted += link.pipeline;
    EXPECT_EQ(counted, 4 * boundary_microbatches * bytes) << "two data ranks, there and back";
    DeviceModel model;
    model.peak_flops = model.memory_bytes_per_sec = 1e9;
    const Forecast forecast = forecast_step(plan, model);
    double forecasted = 0;
    for (const RankTraffic& rank : forecast.traffic) forecasted += rank.local.pipeline + rank.network.pipeline;
    const double alike = forecast.replayed.one_a_pipeline_index ? 2 : 1;
    EXPECT_EQ(alike * forecasted, static_cast<double>(counted));
  }
}

// With nothing to compute and no other traffic, a step takes as long as its ports carry bytes.
TEST(Boundary, the_replay_sends_every_port) {
  DeviceModel model;
  model.peak_flops = model.memory_bytes_per_sec = 1e15;
  model.local.bytes_per_sec = 1e3;
  std::vector<double> seconds;
  for (const auto& [plan, columns] : cut_plans(1))
    seconds.push_back(replay_step(plan, model).step_seconds / static_cast<double>(columns));
  EXPECT_NEAR(seconds[1], seconds[0], 1e-6 * seconds[0]);
  EXPECT_NEAR(seconds[2], seconds[0], 1e-6 * seconds[0]);
}

// Each message is rounded to whole cache lines.
TEST(Boundary, the_memory_plan_holds_every_port_as_a_message) {
  const std::vector<Planned> all = cut_plans();
  const auto messages = [](const Plan& plan, std::size_t index) {
    return plan_memory(plan, {}).by_index[index].messages;
  };
  const auto rounded = [](std::int64_t columns) {
    return (boundary_tokens * columns * boundary_element + 63) / 64 * 64;
  };
  // Stage 0 has no experts, so that what it holds of messages are those of the boundary and of its gradients.
  const std::int64_t one = messages(all[0].plan, 0);
  const std::int64_t crossings = (messages(all[1].plan, 0) - one) / rounded(boundary_hidden);
  EXPECT_GT(crossings, 0);
  EXPECT_EQ(messages(all[1].plan, 0) - one, crossings * rounded(boundary_hidden));
  EXPECT_EQ(messages(all[2].plan, 0) - one, crossings * (rounded(10) + rounded(2) + rounded(12)));
}

}  // namespace
}  // namespace dsrun
