// Forecast: how long one step of a job will take and why, from a replay and the costs that it ran on. Also the cost of
// a run over a given number of tokens.
#pragma once

#include <array>
#include <vector>

#include "cluster/forecast/replay.hpp"

namespace dsrun {

// Bytes that a rank sends through one of its ports in a step.
struct PortTraffic {
  double pipeline = 0;         // activations forward, gradients back
  double expert = 0;           // rows of experts and their announcements, expected under even routing
  double synchronisation = 0;  // shards of gradients and weights
  double total() const { return pipeline + expert + synchronisation; }
};
struct RankTraffic {
  PortTraffic local;    // to devices of the same host
  PortTraffic network;  // to other hosts
};

struct Forecast {
  Replayed replayed;
  double step_seconds = 0;
  double tokens_per_step = 0;
  double tokens_per_second = 0;
  double flops_per_token = 0;
  double mfu = 0;                               // model FLOPs over the devices' peak in the compute type
  double bubble = 0;                            // idle time over all time, mean over ranks
  std::array<double, num_idle_causes> idle{};   // share of a step, mean over ranks
  std::array<double, num_rate_classes> work{};  // seconds a step in ops, by what limits them, mean over ranks
  double end_work = 0;                          // seconds a step of summing, updating and copying, mean over ranks
  std::vector<RankTraffic> traffic;             // by simulated rank
};

Forecast forecast_step(const Plan& plan, const DeviceModel& model, const ReplayOptions& options = {});

// The cost of a run over `tokens`, where each step takes as long as the forecast's.
struct RunCost {
  double tokens = 0;
  double steps = 0;
  double days = 0;
  double device_hours = 0;
  double price = 0;
};
RunCost run_cost(const Plan& plan, const Forecast& forecast, double tokens, double price_per_device_hour);

}  // namespace dsrun
