// Links that go silent in the middle of training: no connection breaks, packets just vanish. The job ends within a
// bounded time, names both sides, and leaves nothing on any host, whoever could not be told.
#include <gmock/gmock.h>

#include "tests/hosts/several_hosts.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;

// Agents go on to beat, devices no longer meet: only those who wait can notice.
TEST_F(SeveralHosts, that_are_cut_from_each_other_are_both_named) {
  start_endless({"--set", "cluster.peer_timeout_secs=2"});
  hosts_->cut(alpha, beta);
  const Finished ended = wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, ContainsRegex("failed: rank [0-3] on host (alpha: .*: waited [0-9.]* s for .* on host beta|"
                                       "beta: .*: waited [0-9.]* s for .* on host alpha);"));
  for (const char* rank :
       {"rank 0 on host alpha", "rank 1 on host alpha", "rank 2 on host beta", "rank 3 on host beta"})
    EXPECT_THAT(ended.err, HasSubstr(rank));
  expect_nothing_left();
  // Closing a transport whose peer is silent is no accident.
  EXPECT_THAT(agent_alpha_->wait(1s).err, IsEmpty());
  EXPECT_THAT(agent_beta_->wait(1s).err, IsEmpty());
}

TEST_F(SeveralHosts, of_which_one_is_cut_off_end_by_themselves) {
  start_endless({"--set", "cluster.freeze_timeout_secs=3"});
  hosts_->cut_off(beta);
  const Finished ended = wait(10s);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("failed: rank 2: host beta (ranks 2 to 3): silent for 3 s: frozen, or cut off"),
                    HasSubstr("rank 0 on host alpha waits for "), HasSubstr("rank 2 on host beta does not answer")));
  expect_nothing_left();
  EXPECT_THAT(agent_alpha_->wait(1s).err, IsEmpty());
  EXPECT_THAT(agent_beta_->wait(1s).err, HasSubstr("dsrun agent on beta: the launcher has been silent for 3 s"));
}

}  // namespace
}  // namespace dsrun::test
