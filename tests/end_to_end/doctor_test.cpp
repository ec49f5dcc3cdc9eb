// dsrun doctor as a user runs it: alone, with a job's hosts, and with hosts and networks that are not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <set>
#include <thread>

#include "tests/end_to_end/processes.hpp"
#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::vector<std::string> two_nodes = {
    "--set", "cluster.isolation=process",     "--set", "cluster.node.0.devices=2",
    "--set", "cluster.node.1.host=localhost", "--set", "cluster.node.1.devices=2"};

class DoctorVerb : public testing::Test {
 protected:
  std::unique_ptr<Program> start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "doctor");
    return std::make_unique<Program>(arguments, folder_.path());
  }
  Finished examine(std::vector<std::string> arguments) { return start(std::move(arguments))->wait(60s); }
  Finished examine_two_nodes(std::vector<std::string> more = {}) {
    std::vector<std::string> all = {folder_.job_file()};
    all.insert(all.end(), two_nodes.begin(), two_nodes.end());
    all.insert(all.end(), more.begin(), more.end());
    return examine(std::move(all));
  }
  std::set<std::string> files_in_folder() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      if (const std::string name = entry.path().filename(); !name.starts_with("output-")) names.insert(name);
    return names;
  }

  JobFolder folder_;
};

// "severity check" of all findings that are not in order.
std::set<std::string> trouble(const json& report) {
  std::set<std::string> all;
  for (const json& finding : report.at("findings"))
    if (finding.at("severity") != "ok")
      all.insert(finding.at("severity").get<std::string>() + " " + finding.at("check").get<std::string>());
  return all;
}

// What other programs on this machine may cause.
bool depends_on_the_machine(const std::string& finding) {
  return finding == "warn speed" || finding == "warn cores" || finding == "warn cma";
}

TEST_F(DoctorVerb, examines_this_machine) {
  const Finished run = examine({});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("localhost"), HasSubstr("UCX 1."), HasSubstr("inside localhost"),
                             HasSubstr("GB/s"), HasSubstr("0 failed"), Not(HasSubstr("\x1b["))));
}

TEST_F(DoctorVerb, measures_every_pair_of_a_job_and_leaves_nothing_behind) {
  const std::set<std::string> before = files_in_folder();
  const Finished run = examine_two_nodes({"-o", "json"});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  const json report = json::parse(run.out);
  EXPECT_EQ(report.at("version"), 1);
  ASSERT_EQ(report.at("hosts").size(), 2U);
  for (const json& host : report.at("hosts")) {
    EXPECT_GT(host.at("cores"), 0);
    EXPECT_GT(host.at("available_bytes"), 0);
    EXPECT_EQ(host.at("build"), report.at("build"));
    EXPECT_TRUE(host.at("folder").at("shared"));
    EXPECT_TRUE(host.at("folder").at("writable"));
    ASSERT_EQ(host.at("files").size(), 1U);
    EXPECT_EQ(host.at("files")[0].at("bytes"), std::filesystem::file_size(folder_.path() / "words.txt"));
    EXPECT_LT(std::abs(host.at("clock").at("offset_secs").get<double>()),
              host.at("clock").at("error_secs").get<double>() + 1e-6)
        << "one machine has one clock";
  }
  ASSERT_EQ(report.at("links").size(), 3U) << "inside each, and between them";
  for (const json& link : report.at("links")) {
    EXPECT_THAT(link.at("transport").get<std::string>(), HasSubstr("posix"));
    EXPECT_GT(link.at("latency_secs"), 0);
    EXPECT_GT(link.at("bytes_per_sec"), 1e6);
    EXPECT_GT(link.at("bytes_per_sec_back"), 1e6);
  }
  for (const std::string& each : trouble(report)) EXPECT_TRUE(depends_on_the_machine(each)) << each;
  EXPECT_EQ(files_in_folder(), before);
}

TEST_F(DoctorVerb, measures_by_the_jobs_own_network) {
  const Finished run = examine_two_nodes(
      {"--set", "cluster.network.interface=lo", "--set", "cluster.network.transports=tcp,self", "-o", "json"});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  for (const json& link : json::parse(run.out).at("links")) EXPECT_EQ(link.at("transport"), "tcp/lo");
}

TEST_F(DoctorVerb, names_a_host_that_ssh_cannot_reach) {
  const Finished run =
      examine({folder_.job_file(), "--set", "cluster.isolation=process", "--set", "cluster.launcher=ssh", "--set",
               "cluster.node.0.host=\"127.0.0.1\"", "--set", "cluster.ssh.port=1", "-o", "json"});
  EXPECT_EQ(run.exit_code, 69);
  const json report = json::parse(run.out);
  const json& first = report.at("findings").at(0);
  EXPECT_EQ(first.at("severity"), "fail");
  EXPECT_EQ(first.at("check"), "hosts");
  EXPECT_EQ(first.at("host"), "127.0.0.1");
  EXPECT_THAT(first.at("what").get<std::string>(), AnyOf(HasSubstr("exit code 255"), HasSubstr("cannot start ssh")));
}

TEST_F(DoctorVerb, examines_the_others_where_one_host_is_out_of_reach) {
  const Finished run = examine_two_nodes({"--set", "cluster.node.1.host=elsewhere.invalid", "-o", "json"});
  EXPECT_EQ(run.exit_code, 69);
  const json report = json::parse(run.out);
  EXPECT_FALSE(report.at("hosts").at(0).contains("fault"));
  EXPECT_THAT(report.at("hosts").at(1).at("fault").get<std::string>(), HasSubstr("launcher = \"ssh\""));
  ASSERT_EQ(report.at("links").size(), 1U);
  EXPECT_GT(report.at("links").at(0).at("bytes_per_sec"), 0);
  EXPECT_TRUE(trouble(report).contains("fail hosts"));
}

TEST_F(DoctorVerb, names_an_interface_that_does_not_exist_and_those_that_do) {
  const Finished run = examine_two_nodes({"--set", "cluster.network.interface=nope0"});
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.out, AllOf(HasSubstr("has no network interface \"nope0\"; it has lo"), HasSubstr("not measured"),
                             HasSubstr("cluster.network.interface = ")));
}

TEST_F(DoctorVerb, names_data_that_is_missing_and_a_folder_that_cannot_be_written_to) {
  const Finished run = examine_two_nodes({"--set", "data.files=[\"*.txt\", \"*.none\"]", "--run-dir", "/proc/run"});
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.out, AllOf(HasSubstr("no file matches \"*.none\""), HasSubstr("/proc cannot be written to")));
}

TEST_F(DoctorVerb, waits_for_agents_no_longer_than_the_job_would) {
  const Finished run = examine_two_nodes({"--set", "cluster.launcher=wait", "--set", "cluster.start_timeout_secs=1"});
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.out, HasSubstr("no agent came from there in 1 s"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "doctor-invitation.json"));
}

TEST_F(DoctorVerb, refuses_a_job_file_with_faults) {
  EXPECT_EQ(examine({folder_.job_file(), "--set", "model.layers=0"}).exit_code, 65);
}

TEST_F(DoctorVerb, ends_in_order_when_interrupted) {
  std::vector<std::string> all = {folder_.job_file()};
  all.insert(all.end(), two_nodes.begin(), two_nodes.end());
  const std::set<std::string> before = files_in_folder();
  const auto program = start(all);
  std::vector<int> children;
  for (int i = 0; i < 1000 && children.size() < 4; ++i) {
    std::this_thread::sleep_for(10ms);
    children = descendants_of(program->pid());
  }
  program->send(SIGINT);
  EXPECT_EQ(program->wait(20s).exit_code, 130);
  EXPECT_THAT(survivors(children, 10s), IsEmpty());
  EXPECT_EQ(files_in_folder(), before);
}

TEST_F(DoctorVerb, gives_a_frozen_agent_up_and_removes_it) {
  std::vector<std::string> all = {folder_.job_file(), "--set", "cluster.start_timeout_secs=3"};
  all.insert(all.end(), two_nodes.begin(), two_nodes.end());
  const auto program = start(all);
  std::vector<int> agents;
  const auto has_begun = [](int pid) {  // it is dsrun agent, no more a copy of its launcher
    return read_text("/proc/" + std::to_string(pid) + "/cmdline").find("agent") != std::string::npos;
  };
  for (int i = 0; i < 5000 && (agents.size() < 2 || !has_begun(agents[1])); ++i) {
    std::this_thread::sleep_for(1ms);
    agents = children_of(program->pid());
  }
  ASSERT_EQ(agents.size(), 2U);
  kill(agents[1], SIGSTOP);
  const Finished run = program->wait(40s);
  EXPECT_EQ(run.exit_code, 69) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("localhost-1          not examined"), HasSubstr("inside localhost-0")));
  EXPECT_THAT(survivors(agents, 10s), IsEmpty());
}

TEST_F(DoctorVerb, leaves_nobody_when_killed) {
  const auto program = start({});
  std::vector<int> children;
  for (int i = 0; i < 1000 && children.size() < 3; ++i) {
    std::this_thread::sleep_for(10ms);
    children = descendants_of(program->pid());
  }
  program->send(SIGKILL);
  EXPECT_THAT(survivors(children, 10s), IsEmpty());
}

}  // namespace
}  // namespace dsrun::test
