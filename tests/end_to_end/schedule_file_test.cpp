// A schedule as a text file: printed, read back, run like the one it was printed from, kept with the run, refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

class ScheduleFile : public testing::Test {
 protected:
  ScheduleFile() {
    std::string job = read_text(folder_.job_file());
    const std::string named = "schedule = \"dualpipe\"";
    folder_.write("own.toml", job.replace(job.find(named), named.size(), "schedule_file = \"own.txt\""));
    folder_.write("own.txt", dsrun({"plan", "tiny.toml", "--program-file"}).out);
  }
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }
  std::string path(const char* name) const { return (std::filesystem::path(folder_.path()) / name).string(); }

  JobFolder folder_;
};

TEST_F(ScheduleFile, is_read_as_it_was_printed) {
  const Finished own = dsrun({"plan", "own.toml", "--program"});
  EXPECT_EQ(own.exit_code, 0) << own.err;
  EXPECT_EQ(own.out, dsrun({"plan", "tiny.toml", "--program"}).out);
  EXPECT_EQ(dsrun({"check", "own.toml"}).exit_code, 0);
}

TEST_F(ScheduleFile, runs_and_stays_with_the_run) {
  ASSERT_EQ(dsrun({"tiny.toml", "--run-dir", path("named")}).exit_code, 0);
  const Finished own = dsrun({"own.toml", "--run-dir", path("own")});
  ASSERT_EQ(own.exit_code, 0) << own.err;
  const auto named_steps = read_json_lines(path("named/metrics.jsonl")),
             steps = read_json_lines(path("own/metrics.jsonl"));
  ASSERT_EQ(steps.size(), named_steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i)
    EXPECT_EQ(steps[i].value("loss", 0.0), named_steps[i].value("loss", 0.0)) << i;
  std::filesystem::remove(path("own.txt"));
  EXPECT_EQ(dsrun({"check", path("own/job.toml")}).exit_code, 0);
}

TEST_F(ScheduleFile, S1_is_refused_before_anything_runs) {
  std::string text = read_text(path("own.txt"));
  folder_.write("own.txt", text.replace(text.rfind("B1.0"), 4, "F1.0"));
  for (const char* verb : {"check", "plan", "run"}) {
    const Finished refused = dsrun({verb, "own.toml"});
    EXPECT_EQ(refused.exit_code, 65) << verb;
    EXPECT_THAT(refused.err, HasSubstr("own.txt:3:")) << verb;
    EXPECT_THAT(refused.err, HasSubstr("rank 1, instruction 3 (F1.0): a second forward")) << verb;
  }
}

}  // namespace
}  // namespace dsrun::test
