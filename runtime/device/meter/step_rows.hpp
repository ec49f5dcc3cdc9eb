// The number of rows that a step is about to work on, counted as in StepWork (models/costs.hpp).
#pragma once

#include "runtime/device/device_context.hpp"
#include "runtime/device/frame.hpp"

namespace dsrun {

double step_rows(const DeviceContext& context, const Frame& frame, const OpStep& step);

}  // namespace dsrun
