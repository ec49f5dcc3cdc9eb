// LinkPorts: a model, without a clock, of how a network delays the messages of one device.
//
// A device has two outgoing ports, one to the devices of its node and one to other nodes. Its messages leave through
// them in the order in which they are handed over: a message starts when its port is free, and occupies it for its
// bytes divided by the bandwidth. It arrives one latency after that. Receiving is not limited, and messages of a device
// to itself do not use a port. The transport inside a process delays its messages by this model; a replay has the same
// rule in seconds (Port in cluster/forecast/devices/device_model.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dsl/specs/cluster.hpp"

namespace dsrun {

struct Flight {
  std::int64_t start_ns = 0;    // the port takes it,
  std::int64_t left_ns = 0;     // is free again,
  std::int64_t arrival_ns = 0;  // and the receiver has it
  bool operator==(const Flight&) const = default;
};

// One port. It takes the values of `link` that hold inside a node.
class LinkPort {
 public:
  explicit LinkPort(const LinkSpec& link)
      : latency_ns_(std::llround(link.latency_us * 1e3)), gb_per_s_(link.gb_per_s) {}

  // How long a message occupies the port: bytes over 10^9 bytes a second are nanoseconds.
  std::int64_t occupied_ns(std::int64_t num_bytes) const {
    return gb_per_s_ > 0 ? std::llround(static_cast<double>(num_bytes) / gb_per_s_) : 0;
  }
  std::int64_t latency_ns() const { return latency_ns_; }

  // Sends a message of `num_bytes` that is handed over at `now_ns`. Calls come in the order of that time.
  Flight send(std::int64_t now_ns, std::int64_t num_bytes) {
    const std::int64_t start = std::max(now_ns, free_at_ns_);
    free_at_ns_ = start + occupied_ns(num_bytes);
    return {start, free_at_ns_, free_at_ns_ + latency_ns_};
  }

 private:
  std::int64_t latency_ns_;
  double gb_per_s_;
  std::int64_t free_at_ns_ = 0;
};

class LinkPorts {
 public:
  explicit LinkPorts(const LinkSpec& link) : local_(link), network_(link.between_nodes()) {}
  Flight send(std::int64_t now_ns, std::int64_t num_bytes, bool to_other_node) {
    return (to_other_node ? network_ : local_).send(now_ns, num_bytes);
  }

 private:
  LinkPort local_, network_;
};

}  // namespace dsrun
