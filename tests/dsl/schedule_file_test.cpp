// parallel.schedule_file: part of the Job when it is good; refused with file, line, rank and instruction when not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "dsl/job_schedule.hpp"
#include "dsl/parse.hpp"
#include "dsl/text/source.hpp"
#include "dsl/write.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* good = "rank 0 stages 0: F0.0 F0.1 B0.0 B0.1\nrank 1 stages 1: F0.0 B0.0 F0.1 B0.1\n";

class ScheduleFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / ("dsrun-schedule-file-" + std::to_string(getpid()))).string();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A job of 2 ranks and 2 microbatches with this schedule.
  ParseResult parse(const std::string& schedule, const std::vector<std::string>& overrides = {}) const {
    std::ofstream(folder_ + "/mine.txt") << schedule;
    return parse_job_text(
        "[job]\nname = \"x\"\nsteps = 10\n[parallel]\npipeline = 2\nschedule_file = \"mine.txt\"\n[batch]\n"
        "microbatches = 2\n",
        "job.toml", overrides, folder_);
  }
  static std::vector<std::string> keys(const ParseResult& parsed) {
    std::vector<std::string> all;
    for (const Diagnostic& fault : parsed.faults) all.push_back(fault.place.key);
    return all;
  }

  std::string folder_;
};

TEST_F(ScheduleFile, becomes_the_jobs_program) {
  const ParseResult parsed = parse(good);
  ASSERT_TRUE(parsed.job) << render(parsed.faults);
  EXPECT_EQ(parsed.job->parallel.schedule, "file");
  EXPECT_EQ(num_stages(parsed.job->parallel), 2);
  std::filesystem::remove(folder_ + "/mine.txt");  // its text is in the job
  EXPECT_EQ(to_string(build_program(parsed.job->parallel, 2)),
            "rank 0: F0.0 F0.1 B0.0 B0.1\nrank 1: F0.0 B0.0 F0.1 B0.1\n");
  EXPECT_TRUE(schedule_fault(parsed.job->parallel, 3));
}

TEST_F(ScheduleFile, the_job_as_text_is_the_same_job) {
  const ParseResult parsed = parse(good);
  ASSERT_TRUE(parsed.job);
  const ParseResult again = parse_job_text(to_toml(*parsed.job), "again.toml", {}, folder_);
  ASSERT_TRUE(again.job) << render(again.faults);
  EXPECT_EQ(*again.job, *parsed.job);
}

TEST_F(ScheduleFile, says_how_many_stages_there_are) {
  const ParseResult parsed = parse(
      "rank 0 stages 0 3: F0.0 F1.0 B1.0 B0.0 F0.1 F1.1 B1.1 B0.1\n"
      "rank 1 stages 1 2: F0.0 F1.0 B1.0 B0.0 F0.1 F1.1 B1.1 B0.1\n",
      {"model.layers=9"});
  ASSERT_TRUE(parsed.job) << render(parsed.faults);
  EXPECT_EQ(num_stages(parsed.job->parallel), 4);
  EXPECT_THAT(keys(parse(good, {"model.layers=4", "parallel.layers_per_stage=[4]"})),
              ElementsAre("parallel.layers_per_stage"));
}

TEST_F(ScheduleFile, S1_is_refused_with_file_line_rank_and_instruction) {
  const ParseResult parsed =
      parse("# mine\nrank 0 stages 0: F0.0 F0.1 B0.0 B0.1\nrank 1 stages 1:\n  F0.0 B0.0\n  F0.1 F0.1 B0.1\n");
  ASSERT_EQ(parsed.faults.size(), 1U) << render(parsed.faults);
  const Diagnostic& fault = parsed.faults[0];
  EXPECT_EQ(fault.place.file, folder_ + "/mine.txt");
  EXPECT_EQ(fault.place.line, 5);
  EXPECT_EQ(fault.place.column, 8);
  EXPECT_EQ(fault.place.source_line, "  F0.1 F0.1 B0.1");
  EXPECT_EQ(fault.place.key, "parallel.schedule_file");
  EXPECT_EQ(fault.message, "rank 1, instruction 3 (F0.1): a second forward");
  ASSERT_TRUE(fault.other);
  EXPECT_EQ(fault.other->file, "job.toml");
  EXPECT_EQ(fault.other->line, 6);
}

TEST_F(ScheduleFile, S1_a_deadlock_is_refused) {
  const ParseResult parsed = parse("rank 0 stages 0: F0.0 B0.0 F0.1 B0.1\nrank 1 stages 1: F0.0 F0.1 B0.0 B0.1\n");
  ASSERT_EQ(parsed.faults.size(), 2U);
  EXPECT_THAT(parsed.faults[0].message, HasSubstr("rank 0, instruction 1 (B0.0): deadlock, waits for the gradient"));
}

TEST_F(ScheduleFile, a_text_that_cannot_be_read_is_refused) {
  const ParseResult parsed = parse("rank 0 stages 0: F0.0 B0.0\n  \xff\x01 W0.0\n");
  ASSERT_EQ(parsed.faults.size(), 1U);
  EXPECT_EQ(parsed.faults[0].place.line, 2);
  EXPECT_EQ(parsed.faults[0].place.column, 3);
  EXPECT_THAT(render(parsed.faults), HasSubstr("rank 0, instruction 2: "));
  EXPECT_THAT(parse(std::string(largest_source + 1, '#')).faults[0].message, HasSubstr("too large"));
  EXPECT_THAT(parse(good, {"parallel.schedule_file=none.txt"}).faults[0].message, HasSubstr("there is no such file"));
  EXPECT_THAT(parse(good, {"parallel.schedule_file=\"..\""}).faults[0].message, HasSubstr("not a plain file"));
  EXPECT_THAT(parse(good, {"parallel.schedule_file=/dev/zero"}).faults[0].message, HasSubstr("not a plain file"));
}

TEST_F(ScheduleFile, many_faults_are_cut_short) {
  std::string text = "rank 0 stages 0:";
  for (int i = 0; i < 100; ++i) text += " oops";
  const ParseResult parsed = parse(text);
  ASSERT_EQ(parsed.faults.size(), 21U);
}

TEST_F(ScheduleFile, goes_with_no_other_choice_of_schedule) {
  EXPECT_THAT(keys(parse(good, {"parallel.schedule=zb1p"})), ElementsAre("parallel.schedule_file"));
  EXPECT_THAT(keys(parse(good, {"parallel.stages_per_rank=2"})), ElementsAre("parallel.stages_per_rank"));
  EXPECT_THAT(keys(parse(good, {"batch.microbatches=4"})), ElementsAre("batch.microbatches"));
  EXPECT_THAT(keys(parse(good, {"parallel.pipeline=3"})), ElementsAre("parallel.pipeline"));
  EXPECT_THAT(keys(parse(good, {"batch.ramp_tokens=1e6", "batch.ramp_start=0.5"})), ElementsAre("batch.ramp_tokens"));
}

}  // namespace
}  // namespace dsrun
