// F&B hides transfers: on a link on which dispatch and combine take as long as the computation, in virtual time.
#include <gtest/gtest.h>

#include "tests/support/overlap_case.hpp"

namespace dsrun::test {
namespace {

const std::vector<std::string> two_devices = {
    "parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2", "parallel.expert=2",
    "batch.microbatches=16",      "batch.sequences=32",  "job.steps=1",     "model.dense_layers=0"};

TEST(Overlap, halves_a_step_whose_link_is_as_slow_as_its_devices) {
  const OverlapRun off = run_overlapped(two_devices, false), on = run_overlapped(two_devices, true);
  ASSERT_GT(on.makespan_ns, 0);
  const double ratio = static_cast<double>(off.makespan_ns) / static_cast<double>(on.makespan_ns);
  for (const OverlapRun* run : {&off, &on}) {
    printf("makespan %.3f ms\n", run->makespan_ns * 1e-6);
    for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
      const InstructionTimes& t = run->times.kinds[i];
      printf("  %s n %ld elapsed %.3f exposed %.3f stage %.3f\n", kind_name(static_cast<InstructionKind>(i)).data(),
             t.count, t.elapsed * 1e3, t.transfer_wait * 1e3, t.pipeline_wait * 1e3);
    }
    printf(" sync wait %.3f\n", run->times.synchronisation_wait * 1e3);
  }
  RecordProperty("ratio", std::to_string(ratio));
  EXPECT_EQ(on.losses, off.losses);
  EXPECT_GT(ratio, 1.4);
}

}  // namespace
}  // namespace dsrun::test
