#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {
namespace {

Selection<Job> recomputed() {
  return {{"full", FIELD(memory.recompute.full)},
          {{"rms_norm", FIELD(memory.recompute.rms_norm)},
           {"mla_up", FIELD(memory.recompute.mla_up)},
           {"swiglu", FIELD(memory.recompute.swiglu)}}};
}

}  // namespace

KeyTable<Job> memory_table() {
  return {.name = "memory",
          .help = "What the forward pass keeps for the backward pass.",
          .keys = {
              {.name = "recompute",
               .field = recomputed(),
               .default_text = "[]",
               .change = Change::free,
               .live = LiveChange::reconfigured,
               .help = "What the backward pass computes again instead of keeping it (arXiv 2412.19437, section 3.2.3). "
                       "Names stand for the outputs of RMSNorms, MLA's up-projections and the outputs of SwiGLUs. "
                       "\"full\" keeps only each layer's input and its routing. Losses stay the same."},
          }};
}

}  // namespace dsrun
