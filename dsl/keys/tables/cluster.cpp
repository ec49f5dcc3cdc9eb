#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> cluster_table() {
  return {.name = "cluster",
          .help = "Where the job runs.",
          .keys = {
              {.name = "threads_per_device",
               .field = FIELD(cluster.threads_per_device),
               .unit = "threads",
               .range = {1, 1024},
               .default_text = "1",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Number of threads that a device's matrix products use."},
              {.name = "pin_cores",
               .field = FIELD(cluster.pin_cores),
               .default_text = "false",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Keeps device i on core i modulo the number of cores."},
              {.name = "peer_timeout_secs",
               .field = FIELD(cluster.peer_timeout_secs),
               .unit = "seconds",
               .range = {0.1, 1e6},
               .default_text = "60.0",
               .change = Change::free,
               .live = LiveChange::reconfigured,
               .help = "Longest wait of a device for a peer. A longer one ends the job with a message that names who "
                       "waited for what."},
              {.name = "isolation",
               .field = CHOICE(cluster.isolation, isolation_names),
               .default_text = "\"thread\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Place of a device: a thread of one process, or a process of its own under an agent of its "
                       "host. Losses are the same."},
              {.name = "launcher",
               .field = CHOICE(cluster.launcher, launcher_names),
               .default_text = "\"local\"",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Who starts the agent of a host, with isolation = \"process\". \"local\" means dsrun here, and "
                       "\"ssh\" means dsrun by ssh. With \"wait\" somebody else starts it with `dsrun agent`."},
              {.name = "start_timeout_secs",
               .field = FIELD(cluster.start_timeout_secs),
               .unit = "seconds",
               .range = {1, 1e6},
               .default_text = "12.0",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Time within which all agents and devices must have started, with isolation = \"process\". A "
                       "later launch is given up."},
              {.name = "freeze_timeout_secs",
               .field = FIELD(cluster.freeze_timeout_secs),
               .unit = "seconds",
               .range = {0.5, 1e6},
               .default_text = "4.0",
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Time of silence after which a process counts as lost, with isolation = \"process\". It is "
                       "longer where devices share cores."},
          }};
}

}  // namespace dsrun
