// The replay of plans: what it must agree with, and what its figures must add up to.
#include "cluster/forecast/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/forecast.hpp"
#include "cluster/forecast/replay_atomic.hpp"
#include "cluster/forecast/step_costs.hpp"
#include "cluster/traffic/traffic.hpp"
#include "runtime/schedule/dataflow.hpp"
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
      EXPECT_NEAR(rank.work + rank.core_wait + rank.idle_total(), replayed.step_seconds, 1e-9 * replayed.step_seconds);
  });
}

// An independent play of the same instructions, each as long as the replay says it works: without links and without
// experts on other ranks nothing else can take time, where no pair runs half ahead of the other.
TEST(Replay, by_op_places_instructions_where_a_plain_play_does) {
  for_each_schedule([](const ScheduleRow& row) {
    const Plan plan = make_plan(job_of(row, 4, 1, 1));
    const Program& program = plan.program;
    const Replayed replayed = replay_step(plan, free_links());
    for (const RankProgram& rank : program.ranks)
      if (std::any_of(rank.instructions.begin(), rank.instructions.end(),
                      [](const Instruction& each) { return each.overlapped.has_value(); }))
        return;
    std::vector<double> free(program.ranks.size(), 0);
    std::map<StageResult, double> done;
    for (const auto& [rank, at] : runnable_order(program)) {
      const RankProgram& of = program.ranks[static_cast<std::size_t>(rank)];
      const Instruction& instruction = of.instructions[static_cast<std::size_t>(at)];
      double start = free[static_cast<std::size_t>(rank)];
      for (const StageResult& input : inputs_of(program, of, instruction)) start = std::max(start, done.at(input));
      const ReplayedInstruction& each =
          replayed.ranks[static_cast<std::size_t>(rank)].instructions[static_cast<std::size_t>(at)];
      EXPECT_NEAR(each.start, start, 1e-12);
      EXPECT_NEAR(each.end, start + each.work, 1e-12);
      free[static_cast<std::size_t>(rank)] = each.end;
      for (const StageResult& output : outputs_of(of, instruction)) done[output] = each.end;
    }
  });
}

// Two counts of the same bytes: by pairs of ranks, and by a rank's port.
TEST(Forecast, sends_what_the_links_say) {
  for_each_schedule([](const ScheduleRow& row) {
    const Plan plan = make_plan(job_of(row, 4, 2, 2));
    const Forecast forecast = forecast_step(plan, *catalog_model("h800"));
    for (const ReplayedRank& rank : forecast.replayed.ranks) {
      double pipeline = 0, expert = 0, synchronisation = 0;
      for (const LinkBytes& link : step_traffic(plan)) {
        if (link.from != rank.rank) continue;
        pipeline += static_cast<double>(link.pipeline);
        expert += static_cast<double>(link.expert);
        synchronisation += static_cast<double>(link.synchronisation);
      }
      const PortTraffic& port = forecast.traffic[static_cast<std::size_t>(plan.mesh.pipeline_index(rank.rank))].local;
      EXPECT_NEAR(port.pipeline, pipeline, 1);
      EXPECT_NEAR(port.synchronisation, synchronisation, 1);
      // The port also sends each layer's counts: 8 bytes a (row, expert) pair that goes to the other member.
      double layers = 0;
      for (int phase = 0; phase < plan.num_phases(rank.rank); ++phase)
        layers += static_cast<double>(
            plan.stages[static_cast<std::size_t>(plan.chunk(rank.rank, phase).stage)].graph.moe_layers.size());
      const double tokens =
          static_cast<double>(plan.tokens_per_microbatch()) * plan.program.microbatches_per_direction();
      EXPECT_NEAR(port.expert - layers * tokens * plan.job.model.experts_per_token / 2 * 8, expert, 2 + 1e-6 * expert);
    }
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

Job on_two_nodes(Dispatch dispatch) {
  Job job = job_of(*find_schedule("dualpipev"), 1, 4, 4);
  job.model.dense_layers = 0;
  job.model.experts = 16;
  job.model.experts_per_token = 8;
  job.model.groups_per_token = 4;
  job.model.hidden = 512;  // so that rows weigh more than gates
  job.cluster.nodes = {{"node", 2, "h800", 2}};
  job.parallel.dispatch = dispatch;
  return job;
}

TEST(Replay, two_hops_are_faster_where_the_network_is_what_takes_time) {
  const Plan direct = make_plan(on_two_nodes(Dispatch::direct)), two_hop = make_plan(on_two_nodes(Dispatch::automatic));
  DeviceModel model = free_links();
  model.network.bytes_per_sec = 1e8;
  model.local.bytes_per_sec = 3e8;
  EXPECT_LT(replay_step(two_hop, model).step_seconds, 0.8 * replay_step(direct, model).step_seconds);
  model.network.bytes_per_sec = 0;  // no limit: the detour alone counts
  EXPECT_GT(replay_step(two_hop, model).step_seconds, replay_step(direct, model).step_seconds);
}

TEST(Replay, of_two_hops_waits_for_both_of_them) {
  const Plan plan = make_plan(on_two_nodes(Dispatch::automatic));
  const double free = replay_step(plan, free_links(), {.overlap = false}).step_seconds;
  for (Port DeviceModel::*port : {&DeviceModel::local, &DeviceModel::network}) {
    DeviceModel model = free_links();
    constexpr double latency = 1;  // nothing else counts
    (model.*port).latency_secs = latency;
    // Each of a microbatch's layers: counts and dispatch, combine, and their gradients; then the step's end, twice.
    const double microbatches = plan.job.batch.microbatches, layers = plan.job.model.layers;
    EXPECT_NEAR(replay_step(plan, model, {.overlap = false}).step_seconds - free,
                (4 * microbatches * layers + 2) * latency, 0.5);
  }
}

// Two counts of the same bytes, for a rank's two ports.
TEST(Forecast, of_two_hops_sends_what_the_links_say) {
  const Plan plan = make_plan(on_two_nodes(Dispatch::automatic));
  const Forecast forecast = forecast_step(plan, *catalog_model("h800"));
  double local = 0, network = 0;
  for (const LinkBytes& link : step_traffic(plan))
    if (link.from == 0) (plan.placement.same_node(0, link.to) ? local : network) += static_cast<double>(link.expert);
  // The ports also send each layer's counts: 8 bytes a (row, expert) pair, of which half goes to the other node.
  const double tokens = static_cast<double>(plan.tokens_per_microbatch()) * plan.job.batch.microbatches;
  const double counts = plan.job.model.layers * tokens * plan.job.model.experts_per_token / 2 * 8;
  EXPECT_NEAR(forecast.traffic[0].network.expert - counts, network, 8);
  EXPECT_NEAR(forecast.traffic[0].local.expert - counts, local, 8);
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
