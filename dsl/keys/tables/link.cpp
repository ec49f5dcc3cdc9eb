#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> link_table() {
  return {
      .name = "cluster.link",
      .help =
          "Links to emulate between devices, so that a laptop shows what a network does to a job. A message leaves "
          "once those before it have left, which takes its bytes divided by gb_per_s. It arrives latency_us later. A "
          "device has one port to its own node and one to the others. Without this table messages arrive at once.",
      .keys = {
          {.name = "latency_us",
           .field = FIELD(cluster.link.latency_us),
           .unit = "microseconds",
           .range = {0, 1e9},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Time from a message's leaving to its arrival."},
          {.name = "gb_per_s",
           .field = FIELD(cluster.link.gb_per_s),
           .unit = "10^9 bytes/s",
           .range = {0, 1e6},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Rate at which a device sends to all devices of its node together. With 0 there is no limit."},
          {.name = "network_latency_us",
           .field = FIELD(cluster.link.network_latency_us),
           .unit = "microseconds",
           .range = {0, 1e9},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Time from a message's leaving to its arrival at another node. With 0 it is latency_us."},
          {.name = "network_gb_per_s",
           .field = FIELD(cluster.link.network_gb_per_s),
           .unit = "10^9 bytes/s",
           .range = {0, 1e6},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Rate at which a device sends to all devices of other nodes together. With 0 it is gb_per_s."},
      }};
}

}  // namespace dsrun
