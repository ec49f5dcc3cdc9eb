// Every metric of a step has a value.
#include "runtime/metrics/metrics.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

// A metric that is nowhere filled in is 0 in every step.
TEST(Metrics, are_all_filled_in) {
  const Job job = small_job({"parallel.pipeline=2", "parallel.data=2", "parallel.expert=2", "model.mtp_depth=1",
                             "balance.sequence_alpha=0.01", "job.steps=3", "cluster.link.latency_us=10"});
  FakeClusterOptions options;
  options.start.peak_flops = 1e12;
  std::set<std::string> unfilled;
  for (const MetricHelp& metric : metric_table()) unfilled.emplace(metric.name);
  for (const StepFinished& step : FakeCluster(job, small_corpus(), options).run().steps) {
    const nlohmann::json values = to_json(step.metrics);
    std::erase_if(unfilled, [&](const std::string& name) {
      const nlohmann::json& value = values.at(name);
      return value.is_array() ? !value.empty() && value[0] != 0 : value != 0;
    });
  }
  // Processor time stands still here.
  const std::set<std::string> of_the_processor = {"backward_s", "delivery_s", "exchange_s", "forward_s", "optimizer_s"};
  EXPECT_EQ(unfilled, of_the_processor);
}

}  // namespace
}  // namespace dsrun::test
