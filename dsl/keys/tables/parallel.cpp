#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

Word<Job> schedule_word() {
  Word<Job> word{FIELD(parallel.schedule), {}};
  for (const ScheduleRow& row : schedules()) word.names.emplace_back(row.name);
  return word;
}

}  // namespace

KeyTable<Job> parallel_table() {
  return {.name = "parallel",
          .help = "How ranks share the work. The number of ranks is pipeline x data.",
          .keys = {
              {.name = "pipeline",
               .field = FIELD(parallel.pipeline),
               .unit = "ranks",
               .range = {1, 4096},
               .default_text = "1",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of pipeline ranks."},
              {.name = "data",
               .field = FIELD(parallel.data),
               .unit = "ranks",
               .range = {1, 65536},
               .default_text = "1",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of data-parallel ranks of each pipeline rank."},
              {.name = "expert",
               .field = FIELD(parallel.expert),
               .unit = "ranks",
               .range = {1, 65536},
               .default_text = "1",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of ranks that share a layer's experts. It must divide parallel.data and model.experts."},
              {.name = "schedule",
               .field = schedule_word(),
               .default_text = "\"1f1b\"",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Order in which a step's forward and backward passes run over the pipeline."},
              {.name = "stages_per_rank",
               .field = FIELD(parallel.stages_per_rank),
               .unit = "stages",
               .range = {0, most_stages_per_rank},
               .default_text = "0",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of pipeline stages of a rank, for a schedule that leaves it open (interleaved). With 0 "
                       "the schedule decides; interleaved then has 2."},
              {.name = "schedule_file",
               .field = FIELD(parallel.schedule_file),
               .range = {0, 4096},
               .default_text = "\"\"",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "File with a schedule of your own, relative to the job file, used instead of `schedule`. `dsrun "
                       "plan FILE --program-file` prints one, and docs/schedules.md describes its form."},
              {.name = "dispatch",
               .field = CHOICE(parallel.dispatch, dispatch_names),
               .default_text = "\"auto\"",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Way of a token's row to its experts. With \"direct\" it goes straight to every device that has "
                       "one of them. With \"two_hop\" it goes once to each node, to the device with the sender's place "
                       "there, which passes it on (arXiv 2412.19437, section 3.2.2). \"auto\" means \"two_hop\" where "
                       "expert groups have several devices on each of several nodes, else \"direct\"."},
              {.name = "overlap",
               .field = FIELD(parallel.overlap),
               .default_text = "true",
               .change = Change::free,
               .live = LiveChange::reconfigured,
               .help = "Interleaves the two op lists of F&B instructions. With false they run one after the other."},
              {.name = "layers_per_stage",
               .field = FIELD(parallel.layers_per_stage),
               .unit = "layers",
               .range = {1, 10000},
               .default_text = "[]",
               .change = Change::on_resume,
               .live = LiveChange::reconfigured,
               .help = "Number of layers of each pipeline stage; the entries sum to model.layers. With [] dsrun "
                       "chooses them so that the most expensive stage costs as little as possible. Embedding, head and "
                       "prediction modules count."},
          }};
}

}  // namespace dsrun
