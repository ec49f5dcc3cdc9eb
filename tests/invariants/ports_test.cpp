// A boundary that several values cross: a message a port, and the numbers of one device.
#include <gtest/gtest.h>

#include <set>

#include "cluster/memory/memory_plan.hpp"
#include "runtime/device/scratch.hpp"
#include "tests/models/cut_inside_layers.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

using CutGraph = Graph (*)(const Graph&, int layers);

struct PortCase {
  MeshCase mesh;
  CutGraph cut;
  std::size_t ports;
};

std::vector<PortCase> port_cases() {
  std::vector<PortCase> all;
  for (const MeshCase& mesh : {mesh_case("1f1b", 4, 1, 1, 4), mesh_case("zb1p", 2, 2, 2, 4),
                               mesh_case("dualpipe", 2, 2, 2, 4), mesh_case("dualpipev", 2, 1, 1, 4)}) {
    all.push_back({mesh, cut_behind_mlp_norm, 2});
    all.push_back({mesh, cut_before_attention, 4});
  }
  return all;
}

class PortsOnMesh : public testing::TestWithParam<PortCase> {};
INSTANTIATE_TEST_SUITE_P(Cuts, PortsOnMesh, testing::ValuesIn(port_cases()),
                         [](const auto& of) { return fmt::format("{}_{}_ports", of.param.mesh.name, of.param.ports); });

TEST_P(PortsOnMesh, N1_give_the_numbers_of_one_device) {
  FakeCluster one(small_job({"batch.microbatches=4"}), small_corpus(20000, 0));
  const FakeRun expected = one.run();
  const Job job = small_job(GetParam().mesh.overrides);
  FakeClusterOptions options;
  options.random_delay_ns = 5000;
  options.model = GetParam().cut(build_graph(job.model), job.model.layers);
  std::set<int> ports;
  options.on_message = [&](int, TensorMessage& message) { ports.insert(message.tag.port); };
  FakeCluster cluster(job, small_corpus(20000, 0), options);
  const FakeRun run = cluster.run();
  ASSERT_FALSE(run.hung);
  EXPECT_EQ(ports.size(), GetParam().ports);
  ASSERT_EQ(run.losses.size(), expected.losses.size());
  for (std::size_t step = 0; step < run.losses.size(); ++step)
    EXPECT_NEAR(run.losses[step], expected.losses[step], 1e-12 * expected.losses[step]) << "step " << step;
  const Difference weights = worst_difference(one.gather_weights(), cluster.gather_weights());
  EXPECT_LT(weights.relative, 1e-9) << weights.tensor;
}

// Pairs of halves run ahead of each other elsewhere; these schedules keep their order.
TEST(Ports, M1_dense_layers_measure_exactly_what_is_planned) {
  for (const CutGraph cut : {cut_behind_mlp_norm, cut_before_attention})
    for (const char* schedule : {"1f1b", "zb1p"})
      for (const char* recompute : {"memory.recompute=[]", "memory.recompute=full"}) {
        auto overrides = mesh_case(schedule, 2, 2, 1, 4).overrides;
        overrides.insert(overrides.end(), {"model.dense_layers=4", recompute});
        const Job job = small_job(overrides);
        FakeClusterOptions options;
        options.model = cut(build_graph(job.model), job.model.layers);
        FakeCluster cluster(job, small_corpus(20000, 0), options);
        ASSERT_FALSE(cluster.run().hung);
        const MemoryPlan planned = plan_memory(cluster.plan(), device_memory(cluster.plan()));
        for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
          SCOPED_TRACE(testing::Message() << schedule << " " << recompute << " rank " << rank);
          const MemoryUse use = cluster.device(rank).memory().use();
          const auto peak = [&](MemoryClass of) { return use.peak[static_cast<std::size_t>(of)]; };
          EXPECT_EQ(peak(MemoryClass::saved), planned[static_cast<std::size_t>(rank)].saved);
          EXPECT_EQ(peak(MemoryClass::working), planned[static_cast<std::size_t>(rank)].working);
          EXPECT_LE(peak(MemoryClass::messages), planned[static_cast<std::size_t>(rank)].messages);
        }
      }
}

}  // namespace
}  // namespace dsrun::test
