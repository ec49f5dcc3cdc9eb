#include <gtest/gtest.h>

#include "cluster/link.hpp"

namespace dsrun {
namespace {

TEST(LinkPort, a_message_occupies_the_port_and_arrives_the_latency_later) {
  LinkPort port({50, 0.5});  // 2 ns a byte
  EXPECT_EQ(port.send(1000, 100), (Flight{1000, 1200, 51200}));
}

TEST(LinkPort, messages_leave_one_after_the_other) {
  LinkPort port({1, 1});
  EXPECT_EQ(port.send(0, 500), (Flight{0, 500, 1500}));
  EXPECT_EQ(port.send(100, 500), (Flight{500, 1000, 2000}));
  EXPECT_EQ(port.send(5000, 0), (Flight{5000, 5000, 6000}));  // the port has been free for long
}

TEST(LinkPort, without_a_bandwidth_only_the_latency_counts) {
  LinkPort port({2, 0});
  EXPECT_EQ(port.send(10, 1 << 30), (Flight{10, 10, 2010}));
  EXPECT_EQ(port.send(10, 1 << 30), (Flight{10, 10, 2010}));
}

}  // namespace
}  // namespace dsrun
