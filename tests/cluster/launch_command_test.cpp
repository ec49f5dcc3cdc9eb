#include "cluster/hosts/launch_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dsrun::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(LaunchCommand, local_agents_are_this_program) {
  EXPECT_THAT(agent_command({}, "localhost", "/opt/dsrun"), ElementsAre("/opt/dsrun", "agent", "--stdin"));
}

TEST(LaunchCommand, ssh_asks_nobody_trusts_no_unknown_host_and_quotes_for_the_shell_there) {
  ClusterSpec cluster;
  cluster.launcher = Launcher::ssh;
  cluster.start_timeout_secs = 15;
  cluster.ssh = {"ann", 2222, "/keys/id", "/keys/hosts", "/opt/it's/dsrun", {"A=b c"}};
  const auto words = agent_command(cluster, "node-7", "/here/dsrun");
  for (const char* word : {"BatchMode=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=/keys/hosts", "2222",
                           "ann", "/keys/id", "ConnectTimeout=13"})
    EXPECT_THAT(words, Contains(word));
  ASSERT_GE(words.size(), 3U);
  EXPECT_EQ(words[0], "ssh");
  EXPECT_EQ(words[words.size() - 3], "--");  // a host is never an option
  EXPECT_EQ(words[words.size() - 2], "node-7");
  EXPECT_EQ(words.back(), "exec env 'A=b c' '/opt/it'\\''s/dsrun' agent --stdin");
}

TEST(LaunchCommand, what_is_not_set_is_left_to_ssh) {
  ClusterSpec cluster;
  cluster.launcher = Launcher::ssh;
  const auto words = agent_command(cluster, "h", "/here/dsrun");
  for (const char* word : {"-p", "-l", "-i"}) EXPECT_THAT(words, Not(Contains(word)));
  EXPECT_EQ(words.back(), "exec env '/here/dsrun' agent --stdin");
}

}  // namespace
}  // namespace dsrun::test
