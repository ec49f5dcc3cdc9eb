// What devices count as sent is what the links between their processes carry; tests/invariants/two_hop_test.cpp
// compares the former with the choices of experts, and with what the plan expects of them.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>

#include "tests/end_to_end/program.hpp"
#include "tests/end_to_end/run_files.hpp"

namespace dsrun::test {
namespace {

constexpr double mib = 1 << 20;

struct Sent {
  double inside = 0, between = 0;  // nodes, MiB
};

// The numbers before the last of a line of the summary's table, which counts rows: MiB by traffic.
double sum_of_line(const std::string& line, std::size_t skipped_words) {
  std::istringstream words(line);
  std::string word;
  for (std::size_t i = 0; i < skipped_words; ++i) words >> word;
  double pipeline = 0, experts = 0, sync = 0;
  words >> pipeline >> experts >> sync;
  return pipeline + experts + sync;
}

class LinkBytes : public testing::TestWithParam<const char*> {
 protected:
  // Two nodes of two devices; one host plays both.
  void run(int steps) {
    const std::string name = std::to_string(steps) + " steps";
    const Finished run = folder_.run(name, {"--set", "cluster.isolation=process",
                                            "--set", "cluster.node.0.devices=2",
                                            "--set", "cluster.node.1.host=localhost",
                                            "--set", "cluster.node.1.devices=2",
                                            "--set", "parallel.pipeline=1",
                                            "--set", "parallel.data=4",
                                            "--set", "parallel.expert=4",
                                            "--set", "parallel.schedule=\"1f1b\"",
                                            "--set", std::string("parallel.dispatch=\"") + GetParam() + "\"",
                                            "--set", "batch.length=128",
                                            "--set", "model.hidden=64",
                                            "--set", "data.validate_every_steps=0",
                                            "--set", "data.validation_fraction=0.0",
                                            "--set", "job.steps=" + std::to_string(steps)});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    counted_ = carried_ = {};
    std::istringstream lines(run.out);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("  inside nodes")) counted_.inside = sum_of_line(line, 2);
      if (line.starts_with("  between nodes")) counted_.between = sum_of_line(line, 2);
    }
    for (const auto& link : events_of(folder_.path() / name, "link")) {
      const bool inside = link.at("from").get<int>() / 2 == link.at("to").get<int>() / 2;
      (inside ? carried_.inside : carried_.between) += link.at("bytes").get<double>() / mib;
    }
  }
  JobFolder folder_;
  Sent counted_;  // a step, the first left out
  Sent carried_;  // in all
};

TEST_P(LinkBytes, are_those_that_devices_count) {
  run(1);
  const Sent first = carried_;
  run(4);
  constexpr double rounding = 0.02;
  EXPECT_GT(counted_.between, 1);
  EXPECT_NEAR((carried_.inside - first.inside) / 3, counted_.inside, rounding);
  EXPECT_NEAR((carried_.between - first.between) / 3, counted_.between, rounding);
}

INSTANTIATE_TEST_SUITE_P(Dispatch, LinkBytes, testing::Values("direct", "two_hop"),
                         [](const auto& dispatch) { return std::string(dispatch.param); });

}  // namespace
}  // namespace dsrun::test
