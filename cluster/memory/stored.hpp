// How many bytes values and parameters take where a job keeps them narrower than it computes (precision.products and
// precision.saved = "fp8"; DeepSeek-V3's report, section 3.3). Planned for only: no device here keeps FP8 yet.
#pragma once

#include <vector>

#include "cluster/plan.hpp"

namespace dsrun {

// By value of the stage, bytes an element while it is kept: saved inputs of linears that run in FP8, and of
// activations, and what waits for deferred weight gradients of such linears, take a byte and a scale for each 128 (32
// bits); attention's output, E5M6 of 12 bits; all else what its type takes. A value saved in FP8 is counted at
// FP8 size from its creation; the temporary full-precision copy is not counted.
std::vector<double> saved_element_bytes(const Plan& plan, const StageSteps& stage);

// Bytes an element of a part's weights: matrices of FP8 products take a byte, and a scale for each 128 × 128.
double weight_element_bytes(const Plan& plan, const TensorPart& part);

}  // namespace dsrun
