#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> data_table() {
  return {
      .name = "data",
      .help = "The text to train on.",
      .keys = {
          {.name = "files",
           .field = FIELD(data.files),
           .range = {1, 4096},
           .default_text = "[]",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "Text files, or token files that `dsrun tokenize` wrote, as globs relative to the job file. "
                   "Training needs at least one."},
          {.name = "tokenizer",
           .field = FIELD(data.tokenizer),
           .range = {0, 4096},
           .default_text = "\"\"",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "File tokenizer.json that made the token files, relative to the job file. It is compared with them, "
                   "and fim_rate, eval and generate use it."},
          {.name = "strict",
           .field = FIELD(data.strict),
           .default_text = "false",
           .change = Change::free,
           .live = LiveChange::never,
           .help =
               "With true a file that is empty, compressed or UTF-16 stops the job. With false it is skipped, and a "
               "note names it. `--strict` of `dsrun tokenize` does the same for records."},
          {.name = "packing",
           .field = CHOICE(data.packing, packing_names),
           .default_text = "\"stream\"",
           .preset_text = "\"best_fit\"",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "Way in which documents become sequences. With \"stream\" documents follow each other, and "
                   "sequences are cut from them. With \"best_fit\" a document is cut only if it is longer than a "
                   "sequence; others fill the room that it leaves (arXiv 2404.10830)."},
          {.name = "fim_rate",
           .field = FIELD(data.fim_rate),
           .range = {0, 1},
           .default_text = "0.0",
           .preset_text = "0.1",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "Share of the training documents that are rearranged as prefix, suffix, middle (arXiv 2207.14255)."},
          {.name = "fim_tokens",
           .field = FIELD(data.fim_tokens),
           .range = {1, 256},
           .default_text = "[\"<｜fim▁begin｜>\", \"<｜fim▁hole｜>\", \"<｜fim▁end｜>\"]",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "Names, in data.tokenizer, of the three tokens that stand before prefix, suffix and middle."},
          {.name = "validation_fraction",
           .field = FIELD(data.validation_fraction),
           .range = {0, 0.9},
           .default_text = "0.05",
           .change = Change::on_resume,
           .live = LiveChange::reconfigured,
           .help = "Share of the text, its contiguous last part, that is evaluated instead of trained on."},
          {.name = "validate_every_steps",
           .field = FIELD(data.validate_every_steps),
           .unit = "steps",
           .range = {0, 1e12},
           .default_text = "100",
           .change = Change::free,
           .live = LiveChange::between_steps,
           .help =
               "Number of steps from one evaluation to the next. With 0 the run evaluates only after its last step."},
      }};
}

}  // namespace dsrun
