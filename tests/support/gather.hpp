// The tensors that one device owns, by name, in double, as every comparison of whole jobs wants them.
#pragma once

#include "runtime/device/device_core.hpp"
#include "tests/support/compare.hpp"

namespace dsrun::test {

// Master weights, the summed, unscaled gradients of the last step, or the averages of the masters.
enum class Owned { weights, gradients, averages };

// Fills in this device's part of every global tensor.
void gather_owned(DeviceCore& core, Owned what, Tensors& tensors);

}  // namespace dsrun::test
