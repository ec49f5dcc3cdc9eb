#include "tests/hosts/several_hosts.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "tests/end_to_end/run_files.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

std::vector<std::string> set(const std::vector<std::string>& settings) {
  std::vector<std::string> words;
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  return words;
}

std::vector<std::string> two_nodes(const std::string& first, const std::string& second) {
  return set({"cluster.node.0.host=" + first, "cluster.node.0.devices=2", "cluster.node.1.host=" + second,
              "cluster.node.1.devices=2"});
}

}  // namespace

const std::vector<std::string> endless = set({"job.steps=1000000", "data.validate_every_steps=0"});

bool cluster_is_asked_for() {
  const char* asked = std::getenv("DSRUN_TEST_CLUSTER");
  return asked != nullptr && *asked != '\0';
}

void SeveralHosts::SetUp() { make_hosts(""); }

void SeveralHosts::make_hosts(const std::string& rate) {
  hosts_.reset();
  try {
    hosts_.emplace(num_hosts, rate);
  } catch (const NoHosts& reason) {
    if (cluster_is_asked_for()) FAIL() << reason.what();
    GTEST_SKIP() << "no hosts can be made here: " << reason.what();
  }
}

Finished SeveralHosts::run_threads(const std::string& run, const std::vector<std::string>& more) const {
  return Program(thread_arguments(run, more), folder_.path()).wait();
}

std::vector<std::string> SeveralHosts::thread_arguments(const std::string& run,
                                                        const std::vector<std::string>& more) const {
  return folder_.arguments(run, with(two_nodes("localhost", "localhost"), more));
}

void SeveralHosts::start(const std::vector<std::string>& more) {
  const auto job = with(two_nodes(Hosts::name(alpha), Hosts::name(beta)),
                        set({"cluster.isolation=process", "cluster.launcher=wait", "cluster.network.interface=eth0"}));
  launcher_ = hosts_->start(head, folder_.arguments("run", with(job, more)), folder_.path());
  const std::filesystem::path invitation = at("run") / "invitation.json";
  const auto until = SteadyClock::now() + 30s;
  while (!std::filesystem::exists(invitation) && launcher_->running() && SteadyClock::now() < until)
    std::this_thread::sleep_for(5ms);
  agent_alpha_ = hosts_->start(alpha, {"agent", "--join", invitation.string()}, folder_.path());
  agent_beta_ = hosts_->start(beta, {"agent", "--join", invitation.string()}, folder_.path());
}

void SeveralHosts::start_endless(const std::vector<std::string>& more) {
  start(with(endless, more));
  ASSERT_TRUE(has_made_steps(*launcher_, at("run"), 2)) << wait(0s).err;
  for (const int host : {alpha, beta}) {
    ASSERT_EQ(hosts_->processes(host, "agent").size(), 1U);
    ASSERT_EQ(hosts_->processes(host, "device").size(), static_cast<std::size_t>(devices_a_host));
  }
}

int SeveralHosts::launcher() const { return hosts_->processes(head).at(0); }

void SeveralHosts::expect_nothing_left() const {
  const auto until = SteadyClock::now() + 10s;
  for (int host = 0; host < num_hosts; ++host) {
    while (!hosts_->processes(host).empty() && SteadyClock::now() < until) std::this_thread::sleep_for(20ms);
    EXPECT_THAT(hosts_->processes(host), testing::IsEmpty()) << "on host " << Hosts::name(host);
    EXPECT_EQ(hosts_->num_shared_memories(host), 0) << "on host " << Hosts::name(host);
  }
}

}  // namespace dsrun::test
