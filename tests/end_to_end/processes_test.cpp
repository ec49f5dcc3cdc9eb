// Jobs whose devices are processes: the same numbers as with threads, over UCX and TLS; and whatever dies or freezes,
// nothing is left behind and the cause is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "tests/end_to_end/processes.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/end_to_end/run_files.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int ranks = 4;
const std::vector<std::string> in_processes = {"--set", "cluster.isolation=process"};

std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) names.insert(entry.path().filename());
  return names;
}

class Processes : public testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  std::vector<std::string> numbers(const std::string& run) const { return numbers_of(at(run)); }
  std::map<std::string, std::string> shards(const std::string& run) const { return shards_of(at(run)); }

  // transport → links
  std::map<std::string, int> transports(const std::string& run) const {
    std::map<std::string, int> all;
    for (const auto& line : events_of(at(run), "link")) ++all[line.at("transport").get<std::string>()];
    return all;
  }

  void wait_for_steps(Program& program, const std::string& run, std::size_t steps) const {
    ASSERT_TRUE(has_made_steps(program, at(run), steps)) << "the job made no steps";
  }

  // A job that would run for ever, at work.
  std::unique_ptr<Program> started(std::vector<std::string> more = {}) {
    auto program = std::make_unique<Program>(
        folder_.arguments("run", with(with(in_processes, {"--set", "job.steps=1000000"}), more)), folder_.path());
    wait_for_steps(*program, "run", 2);
    return program;
  }

  void expect_nothing_left(const std::vector<int>& pids) const {
    EXPECT_THAT(survivors(pids, 10s), IsEmpty());
    expect_no_shared_memory_left();
  }

  // Jobs beside this one have files too, but theirs go away.
  void expect_no_shared_memory_left() const {
    std::set<std::string> left = shared_memory_files();
    for (int i = 0; i < 1000 && !left.empty(); ++i) {
      const std::set<std::string> now = shared_memory_files();
      std::erase_if(
          left, [&](const std::string& name) { return shared_memory_before_.contains(name) || !now.contains(name); });
      if (!left.empty()) std::this_thread::sleep_for(10ms);
    }
    EXPECT_THAT(left, IsEmpty());
  }

  JobFolder folder_;
  std::set<std::string> shared_memory_before_ = shared_memory_files();
};

TEST_F(Processes, numbers_are_those_of_threads_bit_for_bit) {
  const std::vector<std::string> large = {"--set", "batch.length=256"};  // enough for every pair to lend something
  ASSERT_EQ(folder_.run("threads", large).exit_code, 0);
  const Finished run = folder_.run("processes", with(in_processes, large));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers("processes"), numbers("threads"));
  EXPECT_EQ(shards("processes"), shards("threads"));
  const auto over = transports("processes");
  ASSERT_EQ(over.size(), 1U);
  EXPECT_THAT(over.begin()->first, AllOf(HasSubstr("posix"), EndsWith(", in place")));
  EXPECT_THAT(run.out, HasSubstr("data plane: "));
  expect_no_shared_memory_left();
}

TEST_F(Processes, two_agents_over_tcp_have_the_numbers_of_threads) {
  const std::vector<std::string> two_nodes = {"--set", "cluster.node.0.devices=2",
                                              "--set", "cluster.node.1.host=localhost",
                                              "--set", "cluster.node.1.devices=2"};
  ASSERT_EQ(folder_.run("threads", two_nodes).exit_code, 0);
  const Finished run = folder_.run(
      "processes", with(with(in_processes, two_nodes),
                        {"--set", "cluster.network.interface=lo", "--set", "cluster.network.transports=tcp,self"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers("processes"), numbers("threads"));
  const auto over = transports("processes");
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over.begin()->first, "tcp/lo");
}

TEST_F(Processes, a_stopped_job_goes_on_with_threads_as_if_nothing_had_been) {
  ASSERT_EQ(folder_.run("whole", {"--set", "job.steps=12"}).exit_code, 0);
  Program program(folder_.arguments("run", with(in_processes, {"--set", "job.steps=12"})), folder_.path());
  wait_for_steps(program, "run", 2);
  program.send(SIGINT);
  const Finished stopped = program.wait();
  ASSERT_THAT(stopped.exit_code, AnyOf(75, 0)) << stopped.err;
  const Finished resumed = folder_.run("run", {"--set", "job.steps=12", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(shards("run").at("rank-0003.shard"), shards("whole").at("rank-0003.shard"));
  EXPECT_EQ(numbers("run").back(), numbers("whole").back());
}

TEST_F(Processes, a_trace_has_the_spans_of_all_devices) {
  const Finished run = folder_.run("run", with(in_processes, {"--trace", at("trace.json").string()}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::set<int> seen;
  const nlohmann::json trace = nlohmann::json::parse(read_text(at("trace.json")));
  for (const auto& event : trace.at("traceEvents"))
    if (event.contains("dur")) seen.insert(event.at("pid").get<int>());
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(ranks));
}

TEST_F(Processes, a_killed_device_is_named_with_those_who_waited_for_it) {
  const auto program = started();
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  kill(all[2], SIGKILL);  // rank 1
  const Finished ended = program->wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("rank 1: its process on host "), HasSubstr("killed by signal 9"),
                               HasSubstr("waits for ")));
  expect_nothing_left(all);
}

// From the first process to the first steps.
TEST_F(Processes, whoever_is_killed_at_any_moment_of_the_start_nobody_stays) {
  for (const auto delay : {20ms, 120ms, 250ms, 400ms, 600ms, 900ms})
    for (const char* victim : {"launcher", "agent", "last device"}) {
      std::filesystem::remove_all(at("run"));
      Program program(folder_.arguments("run", with(in_processes, {"--set", "job.steps=1000000"})), folder_.path());
      std::this_thread::sleep_for(delay);
      const std::vector<int> all = descendants_of(program.pid());
      const bool is_launcher = std::string(victim) == "launcher";
      if (is_launcher)
        program.send(SIGKILL);
      else if (!all.empty())
        kill(std::string(victim) == "agent" ? all[0] : all.back(), SIGKILL);
      else
        program.send(SIGINT);
      const Finished ended = program.wait(10s);
      EXPECT_TRUE(is_launcher || (ended.exit_code > 0 && ended.exit_code < 137)) << victim << ended.err;
      if (!is_launcher && !all.empty()) {
        EXPECT_THAT(ended.err, HasSubstr("killed by signal 9")) << victim << " at " << delay.count();
      }
      expect_nothing_left(all);
    }
}

TEST_F(Processes, a_killed_agent_ends_the_job_and_leaves_no_device) {
  const auto program = started();
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  kill(all[0], SIGKILL);
  const Finished ended = program->wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("host localhost"), HasSubstr("its agent ended: killed by signal 9")));
  expect_nothing_left(all);
}

TEST_F(Processes, a_killed_launcher_leaves_nobody) {
  const auto program = started();
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  program->send(SIGKILL);
  expect_nothing_left(all);
}

TEST_F(Processes, a_frozen_device_is_named_and_removed) {
  const auto program = started({"--set", "cluster.freeze_timeout_secs=3"});
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  kill(all[3], SIGSTOP);  // rank 2
  const Finished ended = program->wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("rank 2: its process on host "), HasSubstr("silent for 3 s"),
                               HasSubstr("waits for "), HasSubstr("rank 2 does not answer")));
  expect_nothing_left(all);
}

TEST_F(Processes, a_frozen_agent_is_named_and_removed) {
  const auto program = started({"--set", "cluster.freeze_timeout_secs=3"});
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  kill(all[0], SIGSTOP);
  const Finished ended = program->wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("host localhost"), HasSubstr("silent for 3 s")));
  expect_nothing_left(all);
}

TEST_F(Processes, a_frozen_launcher_is_left) {
  const auto program = started({"--set", "cluster.freeze_timeout_secs=3"});
  const std::vector<int> all = descendants_of(program->pid());
  ASSERT_EQ(all.size(), 1U + ranks);
  program->send(SIGSTOP);
  expect_nothing_left(all);
  program->send(SIGCONT);
  EXPECT_EQ(program->wait(10s).exit_code, 1);
}

TEST_F(Processes, a_host_that_ssh_cannot_reach_is_named) {
  const Finished run =
      folder_.run("run", with(in_processes, {"--set", "cluster.launcher=ssh", "--set",
                                             "cluster.node.0.host=\"127.0.0.1\"", "--set", "cluster.ssh.port=1"}));
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.err,
              AnyOf(HasSubstr("host 127.0.0.1: its agent ended: exit code 255"), HasSubstr("cannot start ssh")));
}

// Somebody else starts the agents of these.
class WaitingJob : public Processes {
 protected:
  void start(std::vector<std::string> more = {}) {
    launcher_ = std::make_unique<Program>(
        folder_.arguments("run", with(with(in_processes, {"--set", "cluster.launcher=wait"}), more)), folder_.path());
    for (int i = 0; i < 1000 && launcher_->running() && !std::filesystem::exists(invitation()); ++i)
      std::this_thread::sleep_for(10ms);
  }
  std::filesystem::path invitation() const { return at("run") / "invitation.json"; }
  std::unique_ptr<Program> agent(const std::filesystem::path& file, const std::vector<std::string>& more = {},
                                 const std::vector<std::string>& runner = {}) const {
    return std::make_unique<Program>(with({"agent", "--join", file.string()}, more), folder_.path(), runner);
  }
  std::unique_ptr<Program> agent_of_another_build() const {
    const auto copy = at("other-dsrun");
    std::filesystem::copy_file(DSRUN_PROGRAM, copy);
    std::ofstream(copy, std::ios::app) << "another build";
    return agent(invitation(), {}, {"sh", "-c", "shift; exec " + copy.string() + " \"$@\"", "sh"});
  }
  std::unique_ptr<Program> launcher_;
};

TEST_F(WaitingJob, stops_on_request_before_it_has_begun) {
  start();
  ASSERT_TRUE(std::filesystem::exists(invitation()));
  launcher_->send(SIGINT);
  const Finished ended = launcher_->wait(5s);
  EXPECT_EQ(ended.exit_code, 130);
  EXPECT_THAT(ended.err, HasSubstr("stopped before it began"));
  EXPECT_FALSE(std::filesystem::exists(invitation()));
}

// As a pod that is made anew.
TEST_F(WaitingJob, takes_another_agent_for_one_that_is_gone_before_the_start) {
  start({"--set", "cluster.node.0.devices=2", "--set", "cluster.node.0.host=localhost", "--set",
         "cluster.node.1.devices=2", "--set", "cluster.node.1.host=localhost"});
  const auto first = agent(invitation());
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (descendants_of(first->pid()).size() < 2 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  ASSERT_GE(descendants_of(first->pid()).size(), 2U) << "it had begun";
  first->send(SIGKILL);
  first->wait(5s);
  std::this_thread::sleep_for(200ms);
  const auto second = agent(invitation()), third = agent(invitation());
  EXPECT_EQ(launcher_->wait(60s).exit_code, 0);
  EXPECT_EQ(second->wait(10s).exit_code, 0);
  EXPECT_EQ(third->wait(10s).exit_code, 0);
}

TEST_F(WaitingJob, runs_with_an_agent_that_was_there_first) {
  const auto early = agent(invitation(), {"--wait", "20"});
  std::this_thread::sleep_for(300ms);
  start();
  EXPECT_EQ(launcher_->wait(60s).exit_code, 0);
  EXPECT_EQ(early->wait(10s).exit_code, 0);
}

TEST_F(WaitingJob, runs_with_an_agent_that_finds_it) {
  start();
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(invitation()).permissions(), perms::owner_read | perms::owner_write);
  const auto joined = agent(invitation());
  const Finished ended = launcher_->wait(60s);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(joined->wait(10s).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(invitation()));
}

TEST_F(WaitingJob, gives_up_on_agents_that_do_not_come) {
  start({"--set", "cluster.start_timeout_secs=1"});
  const Finished ended = launcher_->wait(10s);
  EXPECT_EQ(ended.exit_code, 69);
  EXPECT_THAT(ended.err, HasSubstr("host localhost has no agent"));
}

TEST_F(WaitingJob, ends_naming_a_host_with_too_few_devices) {
  start();
  const Finished joined = agent(invitation(), {"--devices", "1"})->wait(15s);
  const Finished ended = launcher_->wait(15s);
  EXPECT_EQ(ended.exit_code, 69);
  EXPECT_THAT(ended.err, ContainsRegex("too few devices on host .*: it offers 1, and node localhost has 4 ranks"));
  EXPECT_NE(joined.exit_code, 0);
  EXPECT_THAT(joined.err, HasSubstr("too few devices"));
}

TEST_F(WaitingJob, does_not_take_an_agent_of_another_build) {
  start();
  const Finished other = agent_of_another_build()->wait(15s);
  EXPECT_NE(other.exit_code, 0);
  EXPECT_THAT(other.err, HasSubstr("another version of dsrun"));
  const auto joined = agent(invitation());
  EXPECT_EQ(launcher_->wait(60s).exit_code, 0);
  EXPECT_EQ(joined->wait(10s).exit_code, 0);
}

TEST_F(WaitingJob, says_at_its_deadline_whom_it_refused) {
  start({"--set", "cluster.start_timeout_secs=3"});
  agent_of_another_build()->wait(10s);
  const Finished ended = launcher_->wait(10s);
  EXPECT_EQ(ended.exit_code, 69);
  EXPECT_THAT(ended.err, ContainsRegex("host localhost has no agent; refused: host .* has another version of dsrun"));
}

TEST_F(WaitingJob, refuses_strangers_and_its_numbers_do_not_change) {
  ASSERT_EQ(folder_.run("threads", {"--set", "job.steps=50"}).exit_code, 0);
  start({"--set", "job.steps=50"});
  nlohmann::json forged = nlohmann::json::parse(read_text(invitation()));
  const nlohmann::json good = forged;
  const auto joined = agent(invitation());
  wait_for_steps(*launcher_, "run", 1);

  folder_.write("same.json", good.dump() + "\n");
  const Finished second = agent(at("same.json"))->wait(15s);
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.err, HasSubstr("has all the agents that it needs"));

  // A certificate of another job: its authority would accept it, this one does not.
  const JobFolder other;
  Program other_launcher(other.arguments("run", with(in_processes, {"--set", "cluster.launcher=wait"})), other.path());
  const auto other_invitation = other.path() / "run" / "invitation.json";
  for (int i = 0; i < 1000 && !std::filesystem::exists(other_invitation); ++i) std::this_thread::sleep_for(10ms);
  forged["credentials"] = nlohmann::json::parse(read_text(other_invitation)).at("credentials");
  folder_.write("forged.json", forged.dump() + "\n");
  for (const bool is_dead : {false, true}) {  // that other job
    if (is_dead) other_launcher.send(SIGKILL);
    const Finished stranger = agent(at("forged.json"))->wait(15s);
    EXPECT_NE(stranger.exit_code, 0);
    EXPECT_THAT(stranger.err, HasSubstr("the certificates are not of one job"));
  }

  const Finished ended = launcher_->wait(60s);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(numbers("run"), numbers("threads"));
}

}  // namespace
}  // namespace dsrun::test
