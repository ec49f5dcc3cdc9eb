// F&B hides transfers: on a link on which dispatch and combine take as long as the computation, in virtual time.
#include <gtest/gtest.h>

#include "tests/support/overlap_case.hpp"

namespace dsrun::test {
namespace {

// Wide enough for layers to outweigh the head; short sequences, so that attention has no more than its share; four
// experts a token, so that each rank is sent nearly every row; many tokens, so that the step's end, which nothing
// hides, is small beside the rows of experts.
const std::vector<std::string> two_devices = {"parallel.schedule=dualpipev",
                                              "parallel.pipeline=1",
                                              "parallel.data=2",
                                              "parallel.expert=2",
                                              "batch.microbatches=16",
                                              "batch.sequences=128",
                                              "batch.length=32",
                                              "job.steps=1",
                                              "precision.compute=fp32",
                                              "model.dense_layers=0",
                                              "model.vocab=128",
                                              "model.hidden=64",
                                              "model.heads=4",
                                              "model.q_rank=24",
                                              "model.kv_rank=16",
                                              "model.nope_dim=8",
                                              "model.rope_dim=8",
                                              "model.value_dim=8",
                                              "model.expert_hidden=48",
                                              "model.experts_per_token=4",
                                              "model.expert_groups=1",
                                              "model.groups_per_token=1"};

double exposed_ns(const OverlapRun& run) {
  double seconds = 0;
  for (const InstructionTimes& kind : run.times.kinds) seconds += kind.transfer_wait;
  return seconds * 1e9;
}

TEST(Overlap, hides_the_wire_behind_the_computation) {
  for (const char* stages : {"model.layers=2", "model.layers=4"}) {
    auto overrides = two_devices;
    overrides.emplace_back(stages);
    const OverlapRun off = run_overlapped(overrides, false), on = run_overlapped(overrides, true);
    ASSERT_GT(on.makespan_ns, 0);
    const double ratio = static_cast<double>(off.makespan_ns) / static_cast<double>(on.makespan_ns);
    RecordProperty(std::string("ratio_") + stages, std::to_string(ratio));
    EXPECT_GT(ratio, 1.4) << stages << ": " << off.makespan_ns << " against " << on.makespan_ns;
    EXPECT_EQ(on.losses, off.losses);  // N-2
    // What the core says of its waits is what the steps differ by, and a trace shows both lanes busy at once.
    const double gained = 2 * static_cast<double>(off.makespan_ns - on.makespan_ns);  // two ranks
    EXPECT_NEAR(exposed_ns(off) - exposed_ns(on), gained, 0.1 * gained);
    EXPECT_LT(off.computing_share, 0.5) << stages;
    EXPECT_GT(on.computing_share, 0.8) << stages;
  }
}

// A pair's pipeline message and rows of experts are told apart.
TEST(Overlap, waits_are_counted_by_their_cause) {
  const OverlapRun run = run_overlapped({"parallel.schedule=1f1b", "parallel.pipeline=2", "parallel.data=2",
                                         "parallel.expert=2", "batch.microbatches=4", "job.steps=2"},
                                        true);
  const InstructionTimes& forward = run.times.of(InstructionKind::forward);
  const InstructionTimes& backward = run.times.of(InstructionKind::backward);
  EXPECT_EQ(forward.count, 2 * 4 * 4);  // steps, ranks, microbatches
  EXPECT_EQ(backward.count, forward.count);
  EXPECT_EQ(run.times.of(InstructionKind::overlapped).count, 0);
  for (const InstructionTimes* times : {&forward, &backward}) {
    EXPECT_GT(times->transfer_wait, 0);
    EXPECT_GT(times->pipeline_wait, 0);
    EXPECT_GE(times->elapsed, times->transfer_wait);
  }
  EXPECT_GT(run.times.synchronisation_wait, 0);
}

}  // namespace
}  // namespace dsrun::test
