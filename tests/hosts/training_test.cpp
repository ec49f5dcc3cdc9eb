// Jobs whose devices are on two hosts and their launcher on a third: the numbers of threads, the ways that messages
// take, and what listens meanwhile.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <map>
#include <set>
#include <sstream>

#include "tests/end_to_end/run_files.hpp"
#include "tests/hosts/several_hosts.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

int node_of(const nlohmann::json& rank) { return rank.get<int>() / devices_a_host; }

std::set<std::string> addresses_of(const std::vector<Listener>& listeners) {
  std::set<std::string> addresses;
  for (const Listener& listener : listeners) addresses.insert(listener.address);
  return addresses;
}

// Each link by itself: shared memory inside a host, nothing but tcp over the interface between hosts.
void expect_ways(const std::filesystem::path& run) {
  std::set<std::pair<int, int>> pairs;
  for (const auto& link : events_of(run, "link")) {
    const bool inside = node_of(link.at("from")) == node_of(link.at("to"));
    const auto transport = link.at("transport").get<std::string>();
    if (inside)
      EXPECT_THAT(transport, AllOf(AnyOf(HasSubstr("posix"), HasSubstr("sysv")), Not(HasSubstr("tcp")))) << link;
    else
      EXPECT_EQ(transport, "tcp/eth0") << link;
    pairs.emplace(link.at("from"), link.at("to"));
  }
  EXPECT_EQ(pairs.size(), 12U) << "each of four ranks to each other";
}

TEST_F(SeveralHosts, numbers_are_those_of_threads_bit_for_bit) {
  ASSERT_EQ(run_threads("threads").exit_code, 0);
  start();
  const Finished run = wait(60s);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers_of(at("run")), numbers_of(at("threads")));
  EXPECT_EQ(shards_of(at("run")), shards_of(at("threads")));
  EXPECT_EQ(shards_of(at("run")).size(), 4U);
  expect_ways(at("run"));
  EXPECT_EQ(agent_alpha_->wait(10s).exit_code, 0);
  EXPECT_EQ(agent_beta_->wait(10s).exit_code, 0);
  expect_nothing_left();
}

// Each host counts time from its own start, days apart; a trace has one time.
TEST_F(SeveralHosts, have_clocks_of_their_own_and_one_time_in_a_trace) {
  const std::filesystem::path traced = at("trace.json");
  start({"--trace", traced.string()});
  const Finished run = wait(60s);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::map<int, std::pair<double, double>> at_work;  // by rank: first and last moment, in µs
  std::map<int, double> idle_us;                     // until the message was sent that a rank waited for
  const nlohmann::json trace = nlohmann::json::parse(read_text(traced));
  for (const auto& event : trace.at("traceEvents")) {
    if (!event.contains("dur")) continue;
    const double start_us = event.at("ts"), end_us = start_us + event.at("dur").get<double>();
    auto [rank, is_new] = at_work.try_emplace(event.at("pid").get<int>(), start_us, end_us);
    if (event.at("name") == "idle") idle_us[rank->first] += end_us - start_us;
    rank->second = {std::min(rank->second.first, start_us), std::max(rank->second.second, end_us)};
  }
  ASSERT_EQ(at_work.size(), 4U);
  for (const auto& [rank, times] : at_work) {
    EXPECT_GT(idle_us[rank], 0) << "rank " << rank << " had to wait";
    for (const auto& [other, others_times] : at_work)
      EXPECT_LT(times.first, others_times.second) << "rank " << rank << " began after rank " << other << " had ended";
  }
}

// Hosts often have a network of their own too, such as a bridge for containers, and all give it one address.
TEST_F(SeveralHosts, without_an_interface_take_the_network_that_leads_to_the_launcher) {
  start_endless({"--set", "cluster.network.interface=\"\""});
  for (const int host : {head, alpha, beta})
    EXPECT_EQ(addresses_of(hosts_->listeners(host)), std::set{Hosts::address(host)});
  kill(launcher(), SIGINT);
  const Finished run = wait(20s);
  EXPECT_EQ(run.exit_code, 75) << run.err;
  expect_ways(at("run"));
}

class SlowHosts : public SeveralHosts {
 protected:
  void SetUp() override { make_hosts("100mbit"); }
};

// The lines of a summary that say what was sent inside nodes and between them.
std::vector<std::string> sent(const std::string& summary) {
  std::vector<std::string> lines;
  std::istringstream in(summary);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("  inside nodes") || line.starts_with("  between nodes")) lines.push_back(line);
  return lines;
}

TEST_F(SlowHosts, two_hops_send_what_threads_count_and_have_their_numbers) {
  const std::vector<std::string> job = {"--set", "parallel.pipeline=1",
                                        "--set", "parallel.data=4",
                                        "--set", "parallel.expert=4",
                                        "--set", "parallel.schedule=\"1f1b\"",
                                        "--set", "parallel.dispatch=\"two_hop\"",
                                        "--set", "job.steps=4",
                                        "--set", "data.validate_every_steps=0"};
  const Finished threads = run_threads("threads", job);
  ASSERT_EQ(threads.exit_code, 0) << threads.err;
  start(job);
  const Finished run = wait(60s);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers_of(at("run")), numbers_of(at("threads")));
  EXPECT_EQ(shards_of(at("run")), shards_of(at("threads")));
  EXPECT_EQ(sent(run.out), sent(threads.out));
  ASSERT_EQ(sent(run.out).size(), 2U) << run.out;
  expect_ways(at("run"));
}

TEST_F(SeveralHosts, listen_on_the_interface_alone) {
  start_endless();
  for (const int host : {head, alpha, beta})
    EXPECT_EQ(addresses_of(hosts_->listeners(host)), std::set{Hosts::address(host)});
}

TEST_F(SeveralHosts, a_job_of_one_host_listens_on_the_loopback_alone) {
  launcher_ = hosts_->start(
      head, folder_.arguments("run", {"--set", "cluster.isolation=process", "--set", "job.steps=1000000"}),
      folder_.path());
  ASSERT_TRUE(has_made_steps(*launcher_, at("run"), 1)) << wait(0s).err;
  EXPECT_EQ(addresses_of(hosts_->listeners(head)), std::set<std::string>{"127.0.0.1"});
}

// As in a container.
TEST_F(SeveralHosts, a_host_with_little_shared_memory_sends_over_its_loopback) {
  hosts_->shrink_shared_memory(head, "8m");
  launcher_ = hosts_->start(head, folder_.arguments("run", {"--set", "cluster.isolation=process"}), folder_.path());
  const Finished run = wait(60s);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const auto& link : events_of(at("run"), "link")) EXPECT_EQ(link.at("transport"), "tcp/lo") << link;
  EXPECT_FALSE(events_of(at("run"), "link").empty());
}

}  // namespace
}  // namespace dsrun::test
