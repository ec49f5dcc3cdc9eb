#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> balance_table() {
  return {.name = "balance",
          .help = "Load of the experts, balanced without an auxiliary loss (arXiv 2408.15664).",
          .keys = {
              {.name = "bias_speed",
               .field = FIELD(balance.bias_speed),
               .range = {0, 10},
               .default_text = "1e-3",
               .change = Change::on_resume,
               .live = LiveChange::between_steps,
               .help = "Step by which an expert's bias moves after each optimizer step (gamma). With 0 biases stay as "
                       "they are."},
              {.name = "bias_speed_late",
               .field = FIELD(balance.bias_speed_late),
               .range = {0, 10},
               .default_text = "0.0",
               .change = Change::on_resume,
               .live = LiveChange::between_steps,
               .help = "Step by which biases move after bias_speed_until_tokens."},
              {.name = "bias_speed_until_tokens",
               .field = FIELD(balance.bias_speed_until_tokens),
               .unit = "tokens",
               .range = {0, 1e18},
               .default_text = "1.43e13",
               .change = Change::on_resume,
               .live = LiveChange::between_steps,
               .help = "Number of tokens until which bias_speed holds."},
              {.name = "sequence_alpha",
               .field = FIELD(balance.sequence_alpha),
               .range = {0, 1000},
               .default_text = "0.0",
               .preset_text = "1e-4",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Weight of the sequence-wise balance loss. With 0 there is none."},
              {.name = "sequence_scores",
               .field = CHOICE(balance.sequence_scores, scores_names),
               .default_text = "\"paper\"",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Choice of experts by which the sequence-wise loss counts tokens. \"paper\": the best of all "
                       "scores, equation 18. \"unbiased\": the best in the groups that a token may use. "
                       "\"biased\": those that the token is sent to."},
              {.name = "load_factor",
               .field = FIELD(balance.load_factor),
               .range = {1, 1000},
               .default_text = "1.5",
               .change = Change::free,
               .live = LiveChange::reconfigured,
               .help = "Number of routed rows of a rank that memory is planned for, divided by their mean. More rows "
                       "take more memory; no token is dropped."},
          }};
}

}  // namespace dsrun
