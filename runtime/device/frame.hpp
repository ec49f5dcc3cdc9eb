// Frame: everything one microbatch holds on one stage between the start of its forward and the end of its backward.
#pragma once

#include <memory>
#include <vector>

#include "models/passes/steps.hpp"
#include "runtime/data/loader.hpp"
#include "runtime/device/exchange/routing.hpp"
#include "runtime/memory/memory.hpp"
#include "runtime/memory/tensor.hpp"

namespace dsrun {

struct Frame {
  int stage = 0;
  int direction = 0;
  int microbatch = 0;            // of its direction
  SequenceBatch batch;           // tokens, targets and mask of the T positions
  std::vector<Buffer> values;    // by ValueId; empty where not live
  std::vector<Routing> routing;  // by MoE layer of the stage
};

}  // namespace dsrun
