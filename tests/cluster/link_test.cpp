#include <gtest/gtest.h>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/devices/device_model.hpp"
#include "cluster/traffic/link.hpp"

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

TEST(LinkPorts, the_way_to_other_nodes_is_another) {
  LinkPorts ports({.latency_us = 1, .gb_per_s = 1, .network_latency_us = 5, .network_gb_per_s = 0.25});
  EXPECT_EQ(ports.send(0, 500, false), (Flight{0, 500, 1500}));
  EXPECT_EQ(ports.send(100, 500, true), (Flight{100, 2100, 7100})) << "and is free while the other is not";
  EXPECT_EQ(ports.send(200, 500, false), (Flight{500, 1000, 2000}));
  LinkPorts alike({.latency_us = 1, .gb_per_s = 1});
  EXPECT_EQ(alike.send(0, 500, true), (Flight{0, 500, 1500}));
}

TEST(LinkPorts, are_the_ports_that_a_plan_takes) {
  ClusterSpec cluster;
  cluster.nodes = {{"localhost", 2, "cpu", 2}};
  DeviceModel model = *catalog_model("cpu");
  EXPECT_EQ(with_links(model, cluster).network, with_links(model, cluster).local) << "one process";
  const double in_process = model.local.latency_secs;
  cluster.link = {.latency_us = 10, .gb_per_s = 0.5, .network_latency_us = 40, .network_gb_per_s = 0.1};
  model = with_links(model, cluster);
  EXPECT_EQ(model.local.bytes_per_sec, 0.5e9);
  EXPECT_EQ(model.network.bytes_per_sec, 0.1e9);
  EXPECT_NEAR(model.local.latency_secs, in_process + 10e-6, 1e-12);
  EXPECT_NEAR(model.network.latency_secs, in_process + 40e-6, 1e-12);
}

// The replay counts in seconds what the transport counts in nanoseconds.
TEST(LinkPort, is_the_port_that_a_replay_takes) {
  const LinkSpec spec{20, 0.05};
  LinkPort transport(spec);
  const Port replayed{spec.gb_per_s * 1e9, spec.latency_us * 1e-6};
  double free_at = 0;
  for (const auto& [now_ns, num_bytes] : {std::pair{0, 5000}, {1000, 300}, {2000, 0}, {900000, 12345}})
    EXPECT_NEAR(static_cast<double>(transport.send(now_ns, num_bytes).arrival_ns),
                1e9 * replayed.send(1e-9 * now_ns, num_bytes, free_at), 1);
}

}  // namespace
}  // namespace dsrun
