// [cluster]: hosts, processes, and the links between them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

// [[cluster.node]]. Several entries with host "localhost" are nodes that all run on this machine.
struct NodeSpec {
  std::string host;
  int devices = 0;
  std::string kind;             // "cpu", or a kind of cluster/forecast/devices/device_catalog.hpp, for planning
  int count = 1;                // number of equal nodes: host-0, host-1, …
  double local_gb_per_s = 0;    // of a device's port to its host's devices, each way; 0: the kind's value
  double network_gb_per_s = 0;  // of a device's share of the network, each way; 0: the kind's value
  bool operator==(const NodeSpec&) const = default;
};

// [cluster.link]: emulated links between devices. cluster/traffic/link.hpp states the model.
struct LinkSpec {
  double latency_us = 0;
  double gb_per_s = 0;  // 10^9 bytes a second that a device sends; 0: no limit
  // For messages to other nodes; 0: as inside a node.
  double network_latency_us = 0;
  double network_gb_per_s = 0;
  bool emulated() const { return latency_us > 0 || gb_per_s > 0 || network_latency_us > 0 || network_gb_per_s > 0; }
  // The values that hold between nodes, as a link without network_ values.
  LinkSpec between_nodes() const {
    return {network_latency_us > 0 ? network_latency_us : latency_us,
            network_gb_per_s > 0 ? network_gb_per_s : gb_per_s};
  }
  bool operator==(const LinkSpec&) const = default;
};

// Where a device's actor lives.
enum class Isolation : std::uint8_t {
  thread,   // all devices are in the program that was started
  process,  // each device is in a process of its own, under its host's agent
};

// Who starts the agents of hosts: dsrun here, dsrun by ssh, or somebody else.
enum class Launcher : std::uint8_t { local, ssh, wait };

// [cluster.network]: what processes communicate over.
struct NetworkSpec {
  std::string interface;   // used for control and data; "": the loopback if all hosts are this one
  std::string transports;  // as in UCX_TLS; "": UCX chooses
  bool operator==(const NetworkSpec&) const = default;
};

// [cluster.ssh]: how launcher = "ssh" reaches other hosts. Where a field is empty or 0, ssh decides.
struct SshSpec {
  std::string user;
  int port = 0;
  std::string identity;                  // file with the private key
  std::string known_hosts;               // file with the hosts' keys
  std::string program;                   // path of dsrun on the hosts; "": as here
  std::vector<std::string> environment;  // NAME=VALUE, for agents and devices
  bool operator==(const SshSpec&) const = default;
};

// [cluster]
struct ClusterSpec {
  std::vector<NodeSpec> nodes;
  LinkSpec link{};
  Isolation isolation = Isolation::thread;
  Launcher launcher = Launcher::local;
  double start_timeout_secs = 0;   // agents and devices that have not started by then end the launch
  double freeze_timeout_secs = 0;  // a process that is silent for longer counts as lost
  NetworkSpec network{};
  SshSpec ssh{};
  int threads_per_device = 1;    // threads of one device's matrix products
  bool pin_cores = false;        // device i runs on core i mod cores
  double peer_timeout_secs = 0;  // a longer wait for a peer ends the job
  bool operator==(const ClusterSpec&) const = default;
};

}  // namespace dsrun
