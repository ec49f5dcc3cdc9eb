// [batch]: what one step trains on.
#pragma once

#include <cstdint>

namespace dsrun {

// [batch]
struct BatchSpec {
  int sequences = 0;     // of a step, over all ranks
  int length = 0;        // tokens a sequence predicts
  int microbatches = 0;  // of a data rank in a step, both directions of DualPipe together
  // The batch grows from the share ramp_start of its sequences to all of them over the first ramp_tokens tokens. Each
  // time it grows by ramp_step sequences, or by one microbatch of each data rank where ramp_step is 0.
  double ramp_start = 0;
  double ramp_tokens = 0;
  int ramp_step = 0;
  int microbatch_sequences(int data) const {
    return static_cast<int>(sequences / (static_cast<std::int64_t>(data) * microbatches));
  }
  bool operator==(const BatchSpec&) const = default;
};

}  // namespace dsrun
