// The fixture of tests whose job runs on several hosts: the launcher on the first, an agent with two devices on each of
// the next two. Skipped, with the reason, where hosts cannot be made; a failure where they were asked for.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/hosts/hosts.hpp"

namespace dsrun::test {

inline constexpr int head = 0, alpha = 1, beta = 2;
inline constexpr int num_hosts = 3;
inline constexpr int devices_a_host = 2;

// A job that runs until it is stopped.
extern const std::vector<std::string> endless;

// Whether tests of clusters were asked for (./dev test --cluster): then what cannot run has failed.
bool cluster_is_asked_for();

class SeveralHosts : public testing::Test {
 protected:
  void SetUp() override;
  void make_hosts(const std::string& rate);

  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  // The same nodes in one process: what the numbers have to be.
  Finished run_threads(const std::string& run, const std::vector<std::string>& more = {}) const;
  std::vector<std::string> thread_arguments(const std::string& run, const std::vector<std::string>& more) const;

  // The launcher with its agents; returns once the devices are at work or the job is over.
  void start(const std::vector<std::string>& more = {});
  // An endless job, after two steps.
  void start_endless(const std::vector<std::string>& more = {});
  Finished wait(std::chrono::seconds limit) { return launcher_->wait(limit); }
  // dsrun itself on the first host.
  int launcher() const;
  // No process and no shared memory on any host, after at most ten seconds.
  void expect_nothing_left() const;

  JobFolder folder_;
  std::optional<Hosts> hosts_;
  std::unique_ptr<Program> launcher_, agent_alpha_, agent_beta_;
};

}  // namespace dsrun::test
