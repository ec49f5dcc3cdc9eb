#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> job_table() {
  return {.name = "job",
          .help = "The run.",
          .keys = {
              {.name = "name",
               .field = FIELD(run.name),
               .range = {1, 100},
               .change = Change::free,
               .live = LiveChange::never,
               .help = "Name of the run. Its folder is runs/<name>."},
              {.name = "steps",
               .field = FIELD(run.steps),
               .unit = "steps",
               .range = {0, 1e12},
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of optimizer steps of the whole run. With 0 the initial state is evaluated and saved."},
              {.name = "seed",
               .field = FIELD(run.seed),
               .range = {0, 9e18},
               .default_text = "1",
               .change = Change::never,
               .live = LiveChange::never,
               .help = "Seed of the initial values and of the order of samples."},
              {.name = "checkpoint_every_steps",
               .field = FIELD(run.checkpoint_every_steps),
               .unit = "steps",
               .range = {0, 1e12},
               .default_text = "0",
               .change = Change::free,
               .live = LiveChange::between_steps,
               .help = "Number of steps from one checkpoint to the next. With 0 the run saves only at its end and on a "
                       "signal."},
          }};
}

}  // namespace dsrun
