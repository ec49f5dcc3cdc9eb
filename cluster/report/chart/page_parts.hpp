// The parts of a schedule's page; page.cpp puts them together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cluster/report/chart/lanes.hpp"
#include "cluster/report/chart/page.hpp"

namespace dsrun {

struct PageInput {
  const Plan& plan;
  const Forecast& forecast;
  const Replayed& replayed;  // the forecast's
  const MemoryPlan& memory;
  const DeviceModel& model;
  std::vector<ChartLane> lanes;
};

// Names of CSS classes; the style sheet gives each a colour.
std::string_view sign_class(ChartSign sign);
std::string idle_class(Idle cause);

std::string page_lanes(const PageInput& input);  // the schedule over time, with its legend
// The activations over a lane's time, drawn under the lane, on a scale up to `most_bytes`.
std::string page_live(const PageInput& input, const ChartLane& lane, std::int64_t most_bytes);
std::string page_memory(const PageInput& input);  // one bar for each lane
std::string page_tables(const PageInput& input);  // idle time by cause, time by instruction and by what limits it
std::string_view page_style();

}  // namespace dsrun
