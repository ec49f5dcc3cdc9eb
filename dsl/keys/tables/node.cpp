#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

#define NODE_FIELD(member) \
  [](NodeSpec & node) -> auto& { return node.member; }

KeyTable<NodeSpec> node_table() {
  return {
      .name = "cluster.node",
      .help =
          "One entry for each host, or several for localhost, which then stands for as many nodes. Without an entry "
          "there is one localhost with a device for each rank.",
      .keys = {
          {.name = "host",
           .field = NODE_FIELD(host),
           .range = {1, 255},
           .default_text = "\"localhost\"",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "\"localhost\", or the name of the host on which [cluster] launcher starts an agent."},
          {.name = "devices",
           .field = NODE_FIELD(devices),
           .unit = "devices",
           .range = {1, 65536},
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Number of devices of the host."},
          {.name = "kind",
           .field = Word<NodeSpec>{NODE_FIELD(kind), {"cpu", "h800", "h100", "h200"}},
           .default_text = "\"cpu\"",
           .change = Change::free,
           .live = LiveChange::never,
           .help = "Kind of the devices. A plan knows every kind; a launch refuses those that this version cannot "
                   "compute on."},
          {.name = "count",
           .field = NODE_FIELD(count),
           .unit = "nodes",
           .range = {1, 65536},
           .default_text = "1",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Number of equal nodes that the entry stands for. They are named host-0, host-1 and so on."},
          {.name = "local_gb_per_s",
           .field = NODE_FIELD(local_gb_per_s),
           .unit = "GB/s",
           .range = {0, 1e6},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help =
               "Rate of a device's port to the others of its host, each way, for plans. With 0 it is the kind's own."},
          {.name = "network_gb_per_s",
           .field = NODE_FIELD(network_gb_per_s),
           .unit = "GB/s",
           .range = {0, 1e6},
           .default_text = "0.0",
           .change = Change::free,
           .live = LiveChange::reconfigured,
           .help = "Rate of a device's share of the network, each way, for plans. With 0 it is the kind's own."},
      }};
}

}  // namespace dsrun
