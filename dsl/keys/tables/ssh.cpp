#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> ssh_table() {
  return {.name = "cluster.ssh",
          .help = "How [cluster] launcher = \"ssh\" reaches hosts. What is \"\" or 0 is left to ssh and its own files.",
          .keys = {
              {.name = "user",
               .field = FIELD(cluster.ssh.user),
               .range = {0, 100},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Name of the user on the hosts."},
              {.name = "port",
               .field = FIELD(cluster.ssh.port),
               .range = {0, 65535},
               .default_text = "0",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Port of the hosts' ssh server."},
              {.name = "identity",
               .field = FIELD(cluster.ssh.identity),
               .range = {0, 4096},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "File with the private key."},
              {.name = "known_hosts",
               .field = FIELD(cluster.ssh.known_hosts),
               .range = {0, 4096},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "File with the hosts' keys. A host whose key is not in it is refused."},
              {.name = "program",
               .field = FIELD(cluster.ssh.program),
               .range = {0, 4096},
               .default_text = "\"\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Path of dsrun on the hosts. With \"\" it is the same as here."},
              {.name = "environment",
               .field = FIELD(cluster.ssh.environment),
               .range = {0, 0},
               .default_text = "[]",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Environment of agents and devices, each entry as NAME=VALUE."},
          }};
}

}  // namespace dsrun
