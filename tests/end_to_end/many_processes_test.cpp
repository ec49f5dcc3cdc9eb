// Many more device processes than cores: they start, train, and nobody is taken for frozen or silent.
#include <gtest/gtest.h>

#include "tests/end_to_end/program.hpp"
#include "tests/end_to_end/run_files.hpp"

namespace dsrun::test {
namespace {

TEST(ManyProcesses, sixty_four_have_the_numbers_of_threads) {
  const JobFolder folder;
  const std::vector<std::string> job = {
      "--set", "parallel.data=32",           "--set", "parallel.expert=8", "--set", "cluster.node.0.devices=64",
      "--set", "batch.sequences=128",        "--set", "batch.length=16",   "--set", "job.steps=3",
      "--set", "data.validate_every_steps=0"};
  ASSERT_EQ(folder.run("threads", job).exit_code, 0);
  std::vector<std::string> in_processes = job;
  in_processes.insert(in_processes.end(), {"--set", "cluster.isolation=process"});
  const Finished run = folder.run("processes", in_processes);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers_of(folder.path() / "processes"), numbers_of(folder.path() / "threads"));
}

}  // namespace
}  // namespace dsrun::test
