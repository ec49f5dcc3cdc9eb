// How many bytes values and parameters take if a job keeps them in a narrower type than it computes in
// (precision.products and precision.saved = "fp8"; DeepSeek-V3's report, section 3.3). This is for planning only: no
// device here keeps FP8 yet.
#pragma once

#include <vector>

#include "cluster/plan.hpp"

namespace dsrun {

// Bytes of an element while it is kept, by value of the stage. Saved inputs of FP8 linears and of activations take 1
// byte, and a 32-bit scale for each 128 elements. So do gradients that wait for deferred weight gradients of FP8
// linears. Attention's output takes 12 bits (E5M6). All other values take the size of their type. A value saved in FP8
// is counted at FP8 size from its creation; the temporary full-precision copy is not counted.
std::vector<double> saved_element_bytes(const Plan& plan, const StageSteps& stage);

// Bytes of an element of a part's weights. Matrices of FP8 products take 1 byte, and a scale for each 128 × 128
// elements.
double weight_element_bytes(const Plan& plan, const TensorPart& part);

}  // namespace dsrun
