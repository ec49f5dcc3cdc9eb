#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> network_table() {
  return {.name = "cluster.network",
          .help = "What processes communicate over, with [cluster] isolation = \"process\".",
          .keys = {
              {.name = "interface",
               .field = FIELD(cluster.network.interface),
               .range = {0, 15},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Network interface, such as \"eth0\", that processes use for control and data; they listen on "
                       "no other. With \"\" it is the loopback if all hosts are this one. Otherwise it is the "
                       "interface that leads to the launcher, and InfiniBand."},
              {.name = "transports",
               .field = FIELD(cluster.network.transports),
               .range = {0, 200},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "UCX transports, such as \"tcp,self\" or \"posix,cma,self\". With \"\" UCX takes the fastest "
                       "that reach the peer."},
          }};
}

}  // namespace dsrun
