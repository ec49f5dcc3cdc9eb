// Processes that are killed on one host of several: the cause is told, and nothing stays behind on any host.
#include <gmock/gmock.h>

#include <csignal>

#include "tests/hosts/several_hosts.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(SeveralHosts, name_a_killed_device_and_its_host) {
  start_endless();
  kill(hosts_->processes(beta, "device").at(1), SIGKILL);  // rank 3
  const Finished ended = wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("failed: rank 3: its process on host beta: killed by signal 9"),
                               HasSubstr("on host alpha waits for ")));
  expect_nothing_left();
}

TEST_F(SeveralHosts, name_a_killed_agent_and_its_host) {
  start_endless();
  kill(hosts_->processes(beta, "agent").at(0), SIGKILL);
  const Finished ended = wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("failed: rank 2: the agent of host beta ended"), HasSubstr("on host alpha waits for ")));
  expect_nothing_left();
}

TEST_F(SeveralHosts, keep_nothing_of_a_job_whose_launcher_was_killed) {
  start_endless();
  kill(launcher(), SIGKILL);
  expect_nothing_left();
  EXPECT_THAT(agent_alpha_->wait(1s).err, HasSubstr("dsrun agent on alpha: the launcher is gone"));
  EXPECT_THAT(agent_beta_->wait(1s).err, HasSubstr("dsrun agent on beta: the launcher is gone"));
}

}  // namespace
}  // namespace dsrun::test
