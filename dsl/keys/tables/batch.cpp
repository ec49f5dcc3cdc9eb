#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> batch_table() {
  return {.name = "batch",
          .help = "The work of a step.",
          .keys = {
              {.name = "sequences",
               .field = FIELD(batch.sequences),
               .unit = "sequences",
               .range = {1, most_of_a_step},
               .default_text = "16",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of sequences of a step, over all ranks."},
              {.name = "length",
               .field = FIELD(batch.length),
               .unit = "tokens",
               .range = {1, 1e6},
               .default_text = "256",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of tokens that a sequence predicts."},
              {.name = "microbatches",
               .field = FIELD(batch.microbatches),
               .unit = "microbatches",
               .range = {1, most_of_a_step},
               .default_text = "1",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of microbatches of a data rank in a step. DualPipe's two directions share them."},
              {.name = "ramp_start",
               .field = FIELD(batch.ramp_start),
               .range = {1e-6, 1},
               .default_text = "1.0",
               .preset_text = "0.2",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Share of `sequences` that the first step has, as near as microbatches and schedule allow. It "
                       "grows to 1."},
              {.name = "ramp_tokens",
               .field = FIELD(batch.ramp_tokens),
               .unit = "tokens",
               .range = {0, 1e18},
               .default_text = "0.0",
               .preset_text = "4.69e11",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of tokens over which the batch grows. With 0 it is whole from the first step."},
              {.name = "ramp_step",
               .field = FIELD(batch.ramp_step),
               .unit = "sequences",
               .range = {0, most_of_a_step},
               .default_text = "0",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of sequences by which the batch grows at a time; it then grows alike on every mesh. "
                       "With 0 it grows by one microbatch of each data rank."},
          }};
}

}  // namespace dsrun
