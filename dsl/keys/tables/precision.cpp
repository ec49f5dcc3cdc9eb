#include "dsl/keys/tables/fields.hpp"
#include "dsl/keys/tables/tables.hpp"

namespace dsrun {

KeyTable<Job> precision_table() {
  return {.name = "precision",
          .help = "Number types.",
          .keys = {
              {.name = "compute",
               .field = CHOICE(precision.compute, precision_names),
               .default_text = "\"fp32\"",
               .change = Change::never,
               .live = LiveChange::never,
               .help = "Number type of activations and weights in computation. Master weights are fp32, or fp64 with "
                       "\"fp64\", which is for tests."},
              {.name = "products",
               .field = CHOICE(precision.products, products_names),
               .default_text = "\"compute\"",
               .change = Change::never,
               .live = LiveChange::never,
               .help = "Number type of the operands of linears and experts, and of the rows sent to experts. \"fp8\" "
                       "can be planned for, not run yet."},
              {.name = "saved",
               .field = CHOICE(precision.saved, products_names),
               .default_text = "\"compute\"",
               .change = Change::never,
               .live = LiveChange::never,
               .help = "Number type in which the inputs of linears and activations are kept for the backward pass. "
                       "\"fp8\" can be planned for, not run yet."},
          }};
}

}  // namespace dsrun
