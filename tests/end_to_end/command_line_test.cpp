// The command line without training: verbs, their output and exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CommandLine : public testing::Test {
 protected:
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }
  JobFolder folder_;
};

TEST_F(CommandLine, check_says_that_a_job_file_has_no_fault) {
  const Finished check = dsrun({"check", "tiny.toml"});
  EXPECT_EQ(check.exit_code, 0);
  EXPECT_EQ(check.out, "tiny.toml: no faults\n");
  EXPECT_THAT(check.err, IsEmpty());
}

TEST_F(CommandLine, check_shows_every_fault_on_stderr) {
  const Finished check = dsrun({"check", "tiny.toml", "--set", "model.haeds=3", "--set", "parallel.expert=3"});
  EXPECT_EQ(check.exit_code, 65);
  EXPECT_THAT(check.out, IsEmpty());
  EXPECT_THAT(check.err, HasSubstr("--set:1:1: fault: unknown key model.haeds"));
  EXPECT_THAT(check.err, HasSubstr("help: did you mean heads?"));
  EXPECT_THAT(check.err, HasSubstr("--set:1:17: fault: parallel.expert = 3 does not divide"));
  EXPECT_THAT(check.err, Not(HasSubstr("\x1b")));
  EXPECT_EQ(dsrun({"check", "nowhere.toml"}).exit_code, 65);
}

TEST_F(CommandLine, check_as_json) {
  const json good = json::parse(dsrun({"check", "tiny.toml", "-o", "json"}).out);
  EXPECT_EQ(good.at("version"), 1);
  EXPECT_EQ(good.at("faults"), json::array());
  EXPECT_EQ(good.at("job").at("optimizer").at("beta2"), 0.95);  // written nowhere: every value, defaults too
  EXPECT_EQ(good.at("job").at("memory").at("recompute"), json::array());
  EXPECT_EQ(good.at("job").at("parallel").at("layers_per_stage").size(), 2u);  // what the plan will choose
  EXPECT_EQ(good.at("recipe").at("tokens"), 6 * 16 * 32);
  folder_.write("bad.toml", "[job]\nname = \"x\"\nsteps = -1\n");
  const Finished check = dsrun({"check", "bad.toml", "-o", "json"});
  EXPECT_EQ(check.exit_code, 65);
  const json faults = json::parse(check.out).at("faults");
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0]["file"], "bad.toml");
  EXPECT_EQ(faults[0]["line"], 3);
  EXPECT_EQ(faults[0]["column"], 9);
  EXPECT_EQ(faults[0]["key"], "job.steps");
  EXPECT_THAT(faults[0]["message"].get<std::string>(), HasSubstr("out of range"));
  EXPECT_THAT(faults[0]["help"].get<std::string>(), HasSubstr("from 0"));
}

TEST_F(CommandLine, json_survives_names_that_are_no_utf8) {
  const Finished check = dsrun({"check", "\xff.toml", "-o", "json"});
  EXPECT_EQ(check.exit_code, 65);
  EXPECT_EQ(json::parse(check.out).at("faults").size(), 1u);
  EXPECT_EQ(dsrun({"check", "tiny.toml", "-o", "json", "--set", "job.\xff=1"}).exit_code, 65);
}

TEST_F(CommandLine, init_writes_a_job_without_faults_and_overwrites_nothing) {
  for (const char* name : {"my.toml", ".hidden", "two words.toml", "..x.toml"}) {
    EXPECT_EQ(dsrun({"init", name}).exit_code, 0) << name;
    EXPECT_EQ(dsrun({"check", name}).exit_code, 0) << name << dsrun({"check", name}).err;
  }
  const Finished again = dsrun({"init", "my.toml"});
  EXPECT_EQ(again.exit_code, 64);
  EXPECT_THAT(again.err, HasSubstr("does not overwrite"));
  EXPECT_EQ(dsrun({"init", "no/such/folder.toml"}).exit_code, 74);
}

TEST_F(CommandLine, schema_is_json_or_the_reference_page) {
  EXPECT_TRUE(json::parse(dsrun({"schema"}).out).at("properties").contains("model"));
  EXPECT_THAT(dsrun({"schema", "--markdown"}).out, StartsWith("# The job file\n"));
}

TEST_F(CommandLine, usage_errors_exit_64) {
  const Finished typo = dsrun({"chekc", "tiny.toml"});
  EXPECT_EQ(typo.exit_code, 64);
  EXPECT_THAT(typo.err, HasSubstr("did you mean \"check\"?"));
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"check"},
                                                {"check", "tiny.toml", "-o", "yaml"},
                                                {"--versoin"},
                                                {"schema", "--x"},
                                                {"--log-level", "loud", "check", "tiny.toml"},
                                                {"--log-level"}})
    EXPECT_EQ(dsrun(words).exit_code, 64) << testing::PrintToString(words);
}

TEST_F(CommandLine, options_of_the_program_stand_before_or_after_the_verb) {
  EXPECT_EQ(dsrun({"--log-level", "warn", "check", "tiny.toml"}).exit_code, 0);
  EXPECT_EQ(dsrun({"--log-level=warn", "check", "tiny.toml"}).exit_code, 0);
  EXPECT_EQ(dsrun({"check", "tiny.toml", "--log-level", "warn"}).exit_code, 0);
  EXPECT_THAT(dsrun({"--version"}).out, StartsWith("dsrun "));
  EXPECT_EQ(dsrun({"--help"}).exit_code, 0);
}

// A faulty job shows that `run` was meant, without running.
TEST_F(CommandLine, a_file_without_a_verb_is_run) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"tiny.toml", "--set", "job.steps=-1"},
                                                {"--set", "job.steps=-1", "tiny.toml"},
                                                {"run", "tiny.toml", "--set", "job.steps=-1"},
                                                {"--log-level", "warn", "tiny.toml", "--set", "job.steps=-1"}}) {
    const Finished run = dsrun(words);
    EXPECT_EQ(run.exit_code, 65) << testing::PrintToString(words) << run.err;
    EXPECT_THAT(run.err, HasSubstr("job.steps is -1"));
  }
}

}  // namespace
}  // namespace dsrun::test
