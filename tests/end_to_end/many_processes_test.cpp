// Many more device processes than cores: they start, train, and nobody is taken for frozen or silent.
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include "tests/end_to_end/program.hpp"
#include "tests/end_to_end/run_files.hpp"

namespace dsrun::test {
namespace {

// Two pipeline stages, experts spread over eight ranks.
void expect_numbers_of_threads(int num_devices) {
  const JobFolder folder;
  const std::vector<std::string> job = {"--set", fmt::format("parallel.data={}", num_devices / 2),
                                        "--set", "parallel.expert=8",
                                        "--set", fmt::format("cluster.node.0.devices={}", num_devices),
                                        "--set", fmt::format("batch.sequences={}", num_devices * 2),
                                        "--set", "batch.length=16",
                                        "--set", "job.steps=3",
                                        "--set", "data.validate_every_steps=0"};
  ASSERT_EQ(folder.run("threads", job).exit_code, 0);
  std::vector<std::string> in_processes = job;
  in_processes.insert(in_processes.end(), {"--set", "cluster.isolation=process"});
  const Finished run = folder.run("processes", in_processes);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers_of(folder.path() / "processes"), numbers_of(folder.path() / "threads"));
}

TEST(ManyProcesses, sixteen_have_the_numbers_of_threads) { expect_numbers_of_threads(16); }

TEST(ManyProcesses, sixty_four_have_the_numbers_of_threads) {
  if (!std::getenv("DSRUN_TEST_LONG")) GTEST_SKIP() << "only with ./dev test --long: takes half a minute";
  expect_numbers_of_threads(64);
}

}  // namespace
}  // namespace dsrun::test
