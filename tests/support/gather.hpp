// The tensors that one device owns, by name, in double, as every comparison of whole jobs wants them.
#pragma once

#include "runtime/device/device_core.hpp"
#include "tests/support/compare.hpp"

namespace dsrun::test {

enum class Owned { weights, gradients };  // master weights, or the summed, unscaled gradients of the last step

// Fills in this device's part of every global tensor.
void gather_owned(DeviceCore& core, Owned what, Tensors& tensors);

}  // namespace dsrun::test
