// A forecast step as one HTML file: lanes of instructions, memory, where the time goes. It needs no other files and no
// script. The tooltip of an instruction says what it is.
#pragma once

#include <string>

#include "cluster/forecast/devices/device_model.hpp"
#include "cluster/forecast/forecast.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

std::string schedule_page(const Plan& plan, const Forecast& forecast, const MemoryPlan& memory,
                          const DeviceModel& model);

}  // namespace dsrun
