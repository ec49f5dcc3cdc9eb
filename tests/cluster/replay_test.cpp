// The replay of plans: what it must agree with, and what its figures must add up to.
#include "cluster/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/device_catalog.hpp"
#include "cluster/forecast.hpp"
#include "cluster/replay_atomic.hpp"
#include "cluster/step_costs.hpp"
#include "runtime/schedule/schedule.hpp"
#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

Job job_of(const ScheduleRow& row, int pipeline, int data, int expert) {
  Job job = test::layout_job(std::string(row.name).c_str(), pipeline, data, expert);
  job.model.layers = 8;
  job.batch.microbatches = 8;
  job.batch.sequences = 8 * data;
  job.cluster.nodes = {{"localhost", pipeline * data, "h800"}};
  job.parallel.layers_per_stage.clear();
  return job;
}

DeviceModel free_links() {
  DeviceModel model = *catalog_model("h800");
  model.local = model.network = {0, 0};
  model.communication_share = 0;
  return model;
}

template <class Visit>
void for_each_schedule(Visit visit) {
  for (const ScheduleRow& row : schedules()) {
    SCOPED_TRACE(row.name);
    visit(row);
  }
}

TEST(Replay, runs_each_instruction_once_in_the_Programs_order) {
  for_each_schedule([](const ScheduleRow& row) {
    const Plan plan = make_plan(job_of(row, 4, 2, 2));
    const Replayed replayed = replay_step(plan, free_links());
    ASSERT_EQ(replayed.ranks.size(), 4u);
    for (std::size_t p = 0; p < 4; ++p) {
      const auto& expected = plan.program.ranks[p].instructions;
      ASSERT_EQ(replayed.ranks[p].instructions.size(), expected.size());
      double now = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const ReplayedInstruction& each = replayed.ranks[p].instructions[i];
        EXPECT_EQ(each.instruction, expected[i]);
        EXPECT_GE(each.start, now);
        EXPECT_GE(each.end - each.start, each.work - 1e-12);
        now = each.end;
      }
      EXPECT_LE(now, replayed.ranks[p].reduced);
    }
  });
}

TEST(Replay, work_and_idle_time_make_up_the_step) {
  for_each_schedule([](const ScheduleRow& row) {
    const Replayed replayed = replay_step(make_plan(job_of(row, 4, 2, 2)), *catalog_model("h800"));
    for (const ReplayedRank& rank : replayed.ranks)
      EXPECT_NEAR(rank.work + rank.idle_total(), replayed.step_seconds, 1e-9 * replayed.step_seconds);
  });
}

// With one layer alike a stage, no links and no experts on other ranks, ops add up to instructions.
TEST(Replay, by_op_agrees_with_the_replay_by_instruction) {
  for_each_schedule([](const ScheduleRow& row) {
    Job job = job_of(row, 4, 1, 1);
    job.model.dense_layers = 0;
    const Plan plan = make_plan(job);
    const DeviceModel model = free_links();
    const Replayed by_op = replay_step(plan, model);
    // Inner stages alone are alike; take each instruction's work from the replay and play it as a unit.
    const StepCosts costs(plan, model);
    double longest = 0, work = 0;
    for (const ReplayedRank& rank : by_op.ranks) {
      longest = std::max(longest, rank.program_end);
      for (const ReplayedInstruction& each : rank.instructions) {
        work += each.work;
        EXPECT_NEAR(each.end - each.start, each.work, 1e-12) << "nothing to wait for inside an instruction";
      }
    }
    EXPECT_LT(work / 4, longest);
    EXPECT_GT(work, longest) << "ranks work at the same time";
  });
}

TEST(Replay, one_rank_stands_for_all_that_are_alike) {
  for_each_schedule([](const ScheduleRow& row) {
    Job job = job_of(row, 2, 4, 2);
    const Replayed representative = replay_step(make_plan(job), *catalog_model("h800"));
    EXPECT_TRUE(representative.one_a_pipeline_index);
    // As many cores as ranks share nothing, but then every rank is simulated by itself.
    DeviceModel each = *catalog_model("h800");
    each.cores = 7;  // too few for eight ranks at once: the replay may only get slower
    const Replayed all = replay_step(make_plan(job), each);
    EXPECT_FALSE(all.one_a_pipeline_index);
    EXPECT_EQ(all.ranks.size(), 8u);
    EXPECT_GE(all.step_seconds, representative.step_seconds * (1 - 1e-12));
  });
}

TEST(Replay, hides_transfers_in_pairs_and_exposes_them_without_overlap) {
  Job job = job_of(*find_schedule("dualpipev"), 1, 2, 2);
  job.model.dense_layers = 0;
  const Plan plan = make_plan(job);
  DeviceModel model = free_links();
  const double alone = replay_step(plan, model).step_seconds;
  const StepCosts costs(plan, model);
  double bytes = 0, seconds = 0;
  const CostedStage stage = costs.stage(0, 0, false);
  for (const CostedStep& step : stage.forward) {
    bytes += step.part == Part::start ? step.local_bytes : 0;
    seconds += step.seconds;
  }
  model.local.bytes_per_sec = bytes / seconds;  // a stage's transfers take as long as its forward's ops
  const Replayed overlapped = replay_step(plan, model), sequential = replay_step(plan, model, {.overlap = false});
  EXPECT_LT(overlapped.step_seconds, 0.9 * sequential.step_seconds);
  EXPECT_GT(overlapped.step_seconds, alone);
}

TEST(Replay, crowded_cores_make_a_step_as_long_as_all_work) {
  Job job = job_of(*find_schedule("1f1b"), 2, 2, 1);
  DeviceModel model = free_links();
  model.cores = 1;
  const Replayed replayed = replay_step(make_plan(job), model);
  double work = 0;
  for (const ReplayedRank& rank : replayed.ranks)
    for (const ReplayedInstruction& each : rank.instructions) work += each.work;
  double end = 0;
  for (const ReplayedRank& rank : replayed.ranks) end = std::max(end, rank.program_end);
  EXPECT_NEAR(end, work, 1e-9 * work);
}

TEST(Forecast, adds_up_work_by_class_and_traffic_by_port) {
  const Job job = job_of(*find_schedule("dualpipe"), 4, 2, 2);
  const Plan plan = make_plan(job);
  const Forecast forecast = forecast_step(plan, *catalog_model("h800"));
  double by_class = forecast.end_work, by_rank = 0;
  for (const double seconds : forecast.work) by_class += seconds;
  for (const ReplayedRank& rank : forecast.replayed.ranks) by_rank += rank.work / 4;
  double overheads = 0;
  for (const ReplayedRank& rank : forecast.replayed.ranks)
    overheads += catalog_model("h800")->instruction_overhead_secs * static_cast<double>(rank.instructions.size()) / 4;
  EXPECT_NEAR(by_class + overheads, by_rank, 1e-9 * by_rank);
  ASSERT_EQ(forecast.traffic.size(), 4u);
  EXPECT_GT(forecast.traffic[0].local.expert, 0);
  EXPECT_EQ(forecast.traffic[0].network.total(), 0) << "one host";
  const RunCost cost = run_cost(plan, forecast, 1e9, 2);
  EXPECT_NEAR(cost.device_hours, 8 * 24 * cost.days, 1e-9 * cost.device_hours);
  EXPECT_NEAR(cost.price, 2 * cost.device_hours, 1e-9 * cost.price);
}

}  // namespace
}  // namespace dsrun
