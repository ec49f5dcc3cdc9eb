// What may befall a run from outside: damaged checkpoints, changed or shortened texts, nobody who listens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

class Trouble : public testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  std::size_t num_steps(const std::string& run) const {
    std::size_t steps = 0;
    for (const auto& line : read_json_lines(at(run) / "metrics.jsonl")) steps += line.contains("loss") ? 1 : 0;
    return steps;
  }
  std::filesystem::path newest_checkpoint(const std::string& run) const {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(at(run) / "checkpoints"))
      newest = std::max(newest, entry.path());
    return newest;
  }

  JobFolder folder_;
};

TEST_F(Trouble, R1_a_run_whose_only_checkpoint_is_damaged_is_not_begun_anew) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  std::filesystem::remove(newest_checkpoint("run") / "rank-0000.shard");
  const Finished refused = folder_.run("run", {"--resume", "--set", "job.steps=9"});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("step 6 is damaged"));
  EXPECT_THAT(refused.err, HasSubstr("--restart"));
  EXPECT_EQ(num_steps("run"), 6U);
}

TEST_F(Trouble, R1_behind_a_damaged_checkpoint_the_one_before_is_used_and_it_is_said) {
  const std::vector<std::string> often = {"--set", "job.checkpoint_every_steps=3"};
  ASSERT_EQ(folder_.run("run", often).exit_code, 0);
  std::ofstream(newest_checkpoint("run") / "manifest.json") << "{}";
  const Finished resumed = folder_.run("run", often);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("step 6 is damaged"));
  EXPECT_THAT(resumed.err, HasSubstr("checkpoint of step 3"));
  EXPECT_EQ(num_steps("run"), 6U);
}

TEST_F(Trouble, a_text_that_changed_is_another_job) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  std::filesystem::path text;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    if (entry.path().extension() == ".txt") text = entry.path();
  std::fstream(text) << "Z";  // over the first byte
  const std::vector<std::string> longer = {"--set", "job.steps=9"};
  const Finished refused = folder_.run("run", longer);
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("the text that data.files names"));
  const Finished resumed = folder_.run("run", {"--set", "job.steps=9", "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

TEST_F(Trouble, a_text_shortened_while_it_is_read_ends_the_run_with_a_word) {
  std::string words;
  while (words.size() < 1U << 20) words += "and it came to pass in those days ";
  folder_.write("long.txt", words);
  Program program(folder_.arguments("run", {"--set", "job.steps=100000", "--set", "data.files=[\"long.txt\"]"}),
                  folder_.path());
  for (int i = 0; i < 6000 && program.running() && !std::filesystem::exists(at("run") / "metrics.jsonl"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::filesystem::resize_file(at("long.txt"), 100);
  const Finished ended = program.wait();
  EXPECT_EQ(ended.exit_code, 74);
  EXPECT_THAT(ended.err, HasSubstr("shortened"));
}

// A limit on files' sizes stands for a disk that fills up while the run goes on.
TEST_F(Trouble, a_full_disk_under_the_metrics_ends_the_run_as_storage) {
  const std::vector<std::string> small_files = {"bash", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""};
  Program program(folder_.arguments("run", {"--set", "job.steps=100000"}), folder_.path(), small_files);
  const Finished ended = program.wait();
  EXPECT_EQ(ended.exit_code, 74) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("failed: cannot write " + (at("run") / "metrics.jsonl").string()));
  EXPECT_THAT(read_text(at("run") / "metrics.jsonl"), HasSubstr("\"step\":2,"));  // its last line is cut off
}

TEST_F(Trouble, a_run_goes_on_though_nobody_listens) {
  std::string command = "cd '" + folder_.path().string() + "'; '" + DSRUN_PROGRAM + "'";
  for (const std::string& argument : folder_.arguments("run", {"--log-level", "debug"}))
    command += " '" + argument + "'";
  EXPECT_EQ(std::system(("bash -c \"" + command + " 2>&1 | true\"").c_str()), 0);
  EXPECT_EQ(num_steps("run"), 6U);
  EXPECT_THAT(newest_checkpoint("run").string(), HasSubstr("0006"));
  for (const char* closed : {"2>&-", ">&-", "<&- >&- 2>&-"}) {
    std::filesystem::remove_all(at("run"));
    EXPECT_EQ(std::system(("bash -c \"" + command + " >/dev/null " + closed + "\"").c_str()), 0) << closed;
    EXPECT_EQ(num_steps("run"), 6U) << closed;
  }
}

}  // namespace
}  // namespace dsrun::test
