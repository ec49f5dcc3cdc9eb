// M-1 against the kernel's count: what was planned, and what the allocator says is live at the peak, is what the
// process grew by.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "cluster/memory/memory_plan.hpp"
#include "runtime/device/scratch.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

TEST(Resident, M1_a_job_of_a_gigabyte_grows_the_process_by_what_is_counted) {
  const Job job = small_job({"job.steps=2",
                             "model.layers=8",
                             "model.hidden=512",
                             "model.heads=8",
                             "model.q_rank=192",
                             "model.kv_rank=128",
                             "model.nope_dim=64",
                             "model.rope_dim=32",
                             "model.value_dim=64",
                             "model.experts=32",
                             "model.experts_per_token=4",
                             "model.expert_hidden=256",
                             "model.dense_hidden=1536",
                             "model.init_std=0.02",
                             "parallel.data=2",
                             "parallel.expert=2",
                             "batch.sequences=4",
                             "batch.length=512",
                             "precision.compute=bf16",
                             "optimizer.moments=bf16"});
  const auto corpus = small_corpus(20000, 0);
  const std::int64_t before = anonymous_resident_bytes();
  FakeCluster cluster(job, corpus);
  ASSERT_FALSE(cluster.run().hung);
  const auto grown = static_cast<double>(anonymous_resident_bytes() - before);
  const MemoryPlan planned = plan_memory(cluster.plan(), device_memory(cluster.plan()));
  double counted = 0, planned_sum = 0;
  for (int rank = 0; rank < 2; ++rank) {
    counted += static_cast<double>(cluster.device(rank).memory().use().peak_total);
    planned_sum += static_cast<double>(planned[static_cast<std::size_t>(rank)].peak);
  }
  fmt::print("grown {:.0f} MiB, counted {:.0f} MiB, planned {:.0f} MiB\n", grown / (1 << 20), counted / (1 << 20),
             planned_sum / (1 << 20));
  EXPECT_GT(counted, 1e9);
  EXPECT_NEAR(counted / grown, 1.0, 0.05);
  EXPECT_NEAR(planned_sum / grown, 1.0, 0.07);  // messages are a bound, and weigh more in fp32
}

}  // namespace
}  // namespace dsrun::test
