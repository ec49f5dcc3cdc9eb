// M-1: planned bytes equal the live high-water mark that the allocator counted.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/memory/memory_plan.hpp"
#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/scratch.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/policies.hpp"

namespace dsrun::test {
namespace {

// The narrowest that this processor has.
std::string narrow() {
  return backend_for(cpu_kind).computes_in(Precision::bf16) ? "precision.compute=bf16" : "precision.compute=fp32";
}

std::vector<std::vector<std::string>> jobs() {
  return {{},
          {"batch.microbatches=4"},
          {narrow(), "optimizer.moments=bf16", "optimizer.ema_decay=0.9"},
          {"parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"},
          {"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"},
          {"parallel.schedule=dualpipe", "parallel.pipeline=4", "batch.microbatches=8", narrow()},
          {"parallel.schedule=dualpipe", "parallel.pipeline=4", "batch.microbatches=8", "parallel.overlap=false"},
          {"parallel.schedule=gpipe", "parallel.pipeline=2", "batch.microbatches=4"},
          {"parallel.schedule=interleaved", "parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"},
          {"parallel.schedule=interleaved", "parallel.stages_per_rank=3", "batch.microbatches=2"},
          {"parallel.schedule=zb1p", "parallel.pipeline=4", "batch.microbatches=8"},
          {"parallel.schedule=zb1p", "parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"},
          {"parallel.schedule=dualpipev", "batch.microbatches=4"},
          {"parallel.schedule=dualpipev", "parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"},
          {"parallel.schedule=dualpipev", "parallel.pipeline=2", "batch.microbatches=8", "parallel.overlap=false"}};
}

bool interleaves(const Program& program) {
  return std::any_of(program.ranks.begin(), program.ranks.end(), [](const RankProgram& rank) {
    return std::any_of(rank.instructions.begin(), rank.instructions.end(),
                       [](const Instruction& each) { return each.overlapped.has_value(); });
  });
}

std::vector<MemoryUse> measure(const Job& job) {
  FakeCluster cluster(job, small_corpus(20000, 0));
  EXPECT_FALSE(cluster.run().hung);
  std::vector<MemoryUse> all;
  for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) all.push_back(cluster.device(rank).memory().use());
  return all;
}

TEST(Memory, M1_dense_layers_measure_exactly_what_is_planned) {
  for (auto overrides : jobs()) {
    overrides.push_back("model.dense_layers=4");
    const Job job = small_job(overrides);
    const MemoryPlan planned = plan_memory(make_plan(job), device_memory(make_plan(job)));
    const std::vector<MemoryUse> measured = measure(job);
    for (std::size_t rank = 0; rank < measured.size(); ++rank) {
      SCOPED_TRACE(testing::Message() << "job " << testing::PrintToString(overrides) << " rank " << rank);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::weights), planned[rank].weights);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::gradients), planned[rank].gradients);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::optimizer), planned[rank].optimizer);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::saved), planned[rank].saved);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::working), planned[rank].working);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::routed), 0);
      EXPECT_LE(measured[rank].peak_of(MemoryClass::messages), planned[rank].messages);
    }
  }
}

TEST(Memory, M1_routed_rows_stay_within_the_planned_load_factor) {
  for (auto overrides : jobs()) {
    overrides.push_back("parallel.expert=" + std::string(small_job(overrides).parallel.data > 1 ? "2" : "1"));
    overrides.push_back("balance.load_factor=8");  // the small model's loads are very uneven: no rank may exceed all
    const Job job = small_job(overrides);
    const MemoryPlan planned = plan_memory(make_plan(job), device_memory(make_plan(job)));
    const std::vector<MemoryUse> measured = measure(job);
    for (std::size_t rank = 0; rank < measured.size(); ++rank) {
      EXPECT_LE(measured[rank].peak_of(MemoryClass::routed), planned[rank].routed);
      EXPECT_EQ(measured[rank].peak_of(MemoryClass::routed) > 0, planned[rank].routed > 0);  // a stage may be all dense
      if (!job.parallel.overlap || !interleaves(make_plan(job).program)) {
        EXPECT_EQ(measured[rank].peak_of(MemoryClass::saved), planned[rank].saved) << testing::PrintToString(overrides);
      }
    }
  }
}

class MemoryOnMesh : public testing::TestWithParam<MeshCase> {};
INSTANTIATE_TEST_SUITE_P(Meshes, MemoryOnMesh, testing::ValuesIn(meshes_of_each_schedule()),
                         [](const auto& mesh) { return mesh.param.name; });

// A pair whose one half waits for another stage lets the other run ahead, so that a rank holds somewhat more or less
// than in the fixed order that is planned.
bool may_run_ahead(const Plan& plan) {
  if (!plan.job.parallel.overlap || plan.mesh.pipeline <= 2) return false;
  const auto& instructions = plan.program.ranks[0].instructions;
  return std::any_of(instructions.begin(), instructions.end(),
                     [](const Instruction& each) { return each.overlapped.has_value(); });
}

void expect_planned(std::int64_t measured, std::int64_t planned, bool exactly) {
  const double slack = exactly ? 0 : 0.15 * static_cast<double>(planned);
  EXPECT_NEAR(static_cast<double>(measured), static_cast<double>(planned), slack);
}

// Stages without transfers are exact, with F&B on two ranks at most; with experts, where halves run one after the
// other.
TEST_P(MemoryOnMesh, M1_every_recompute_policy_measures_what_is_planned) {
  std::int64_t kept = 0;
  for (const char* dense_layers : {"8", "2"})
    for (const RecomputeCase& policy : recompute_cases()) {
      SCOPED_TRACE(policy.name + ", dense layers: " + dense_layers);
      const bool dense = dense_layers == std::string("8");
      auto overrides = GetParam().overrides;
      for (const std::string& each : {std::string("model.layers=8"), std::string("model.dense_layers=") + dense_layers,
                                      policy.override, std::string("job.steps=2"), std::string("balance.load_factor=8"),
                                      std::string("model.mtp_depth=") + (dense ? "0" : "1"),
                                      std::string("parallel.overlap=") + (dense ? "true" : "false")})
        overrides.push_back(each);
      const Job job = small_job(overrides);
      const Plan plan = make_plan(job);
      const MemoryPlan planned = plan_memory(plan, {});
      const std::vector<MemoryUse> measured = measure(job);
      for (std::size_t rank = 0; rank < measured.size(); ++rank) {
        SCOPED_TRACE(testing::Message() << "rank " << rank);
        expect_planned(measured[rank].peak_of(MemoryClass::saved), planned[rank].saved, !may_run_ahead(plan));
        expect_planned(measured[rank].peak_of(MemoryClass::working), planned[rank].working, !may_run_ahead(plan));
        EXPECT_LE(measured[rank].peak_of(MemoryClass::routed), planned[rank].routed);
        EXPECT_LE(measured[rank].peak_of(MemoryClass::messages), planned[rank].messages);
      }
      kept = planned[0].saved;
    }
  // The last policy, full, keeps far less than none.
  auto overrides = GetParam().overrides;
  overrides.insert(overrides.end(), {"model.layers=8", "model.dense_layers=2", "model.mtp_depth=1"});
  EXPECT_LT(4 * kept, plan_memory(make_plan(small_job(overrides)), {})[0].saved);
}

// Scratch is told from shapes before a kernel runs.
TEST(Memory, M1_scratch_is_planned_for_every_precision_and_no_call_takes_more) {
  for (const char* precision : {"fp64", "fp32", "bf16"})
    for (const char* length : {"16", "700"}) {  // one block of attention; several pieces, the last one short
      const Job job = small_job({std::string("precision.compute=") + precision, std::string("batch.length=") + length,
                                 "parallel.pipeline=2", "parallel.data=2", "parallel.expert=2", "batch.microbatches=4",
                                 "model.vocab=5000", "model.dense_layers=2", "job.steps=1"});
      if (job.precision.compute == Precision::bf16 && !backend_for(cpu_kind).computes_in(Precision::bf16)) continue;
      SCOPED_TRACE(testing::Message() << precision << " length " << length);
      const auto planned = plan_memory(make_plan(job), device_memory(make_plan(job)));
      FakeCluster cluster(job, small_corpus(60000, 0));
      ASSERT_FALSE(cluster.run().hung);
      for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
        const DeviceContext& device = cluster.device(rank).context();
        const auto taken = static_cast<std::int64_t>(device.workspace.peak_bytes());
        const auto reserved = static_cast<std::int64_t>(device.workspace.bytes_held());
        EXPECT_LE(taken, reserved);
        EXPECT_GE(taken, reserved * 8 / 10) << "reserved " << reserved;
        EXPECT_EQ(device.pool->use().peak_of(MemoryClass::scratch), planned[static_cast<std::size_t>(rank)].scratch);
      }
    }
}

// The test of the test: a plan that forgets one saved value no longer agrees with what was measured.
TEST(Memory, M1_one_extra_saved_value_is_seen) {
  const Job job = small_job({"model.dense_layers=4", "batch.microbatches=4"});
  FakeCluster cluster(job, small_corpus(20000, 0));
  MemoryPool& pool = cluster.device(0).memory();
  Buffer retained;
  const auto row = static_cast<std::size_t>(job.model.hidden) * 8;
  retained = pool.allocate(row * static_cast<std::size_t>(cluster.plan().tokens_per_microbatch()), MemoryClass::saved);
  ASSERT_FALSE(cluster.run().hung);
  EXPECT_NE(pool.use().peak_of(MemoryClass::saved), plan_memory(cluster.plan(), {})[0].saved);
}

}  // namespace
}  // namespace dsrun::test
