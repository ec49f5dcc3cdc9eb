// DeviceModel: what the planner and the replay know of a machine, as a printable value.
//
// It comes from a table of kinds (device_catalog.hpp: peaks, and efficiencies each with its source), or is measured on
// the machine at hand (`dsrun calibrate`). Then `measured` has the seconds of each op at several sizes. Ops that were
// not measured use peak and efficiency.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/step_work.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

// A way out of a device. Messages leave one after the other; each arrives `latency_secs` after its last byte left.
struct Port {
  double bytes_per_sec = 0;  // 0: no limit
  double latency_secs = 0;
  double transfer_seconds(double bytes) const { return bytes_per_sec > 0 ? bytes / bytes_per_sec : 0; }
  // The time when bytes that are handed over at `now` have arrived; `free_at`: the time from which the port has nothing
  // to send.
  double send(double now, double bytes, double& free_at) const {
    free_at = std::max(free_at, now) + transfer_seconds(bytes);
    return free_at + latency_secs;
  }
  bool operator==(const Port&) const = default;
};

// Classes of work. Each reaches a certain share of one of the device's peaks: of its FLOPs, its memory or its ports.
enum class RateClass : std::uint8_t {
  product,      // matrix products in the compute type
  product_fp8,  // … in FP8 with fine-grained scales: forward and gradients of inputs
  weight_product_fp8,
  grouped_product,  // products of experts
  grouped_product_fp8,
  grouped_weight_product_fp8,
  attention_forward,
  attention_backward,
  rows,  // everything that moves memory
  local_port,
  network_port,
};
inline constexpr std::size_t num_rate_classes = num_enumerators<RateClass>();
std::string_view rate_class_name(RateClass rate_class);

struct Efficiency {
  double share = 1;    // of the peak
  std::string source;  // where it was measured
};

// Steps of one shape as they were timed: rows (of one matrix, for experts) against seconds (of one matrix).
struct MeasuredOp : StepShape {
  struct Point {
    double rows = 0;
    double seconds = 0;
  };
  std::vector<Point> points;  // by rows, ascending
};

// A figure for each part of the step's end.
struct SyncParts {
  double sum_squares = 0;  // of the owned gradients
  double sum = 0;          // of the copies' gradients
  double update = 0;       // AdamW
  double copy = 0;         // of the others' weights
};

struct DeviceModel {
  std::string name;
  std::string source;     // "published" figures or where and when it was measured
  std::string processor;  // the one that was measured; else empty
  std::string precision;  // in which it was measured: "fp32", "bf16", "fp64"; empty: holds for all
  double peak_flops = 0;  // dense products in the compute type, a device's
  double peak_flops_fp8 = 0;
  double memory_bytes_per_sec = 0;
  double memory_bytes = 0;  // 0: unknown
  std::array<Efficiency, num_rate_classes> efficiencies{};
  Efficiency& efficiency(RateClass of) { return efficiencies[static_cast<std::size_t>(of)]; }
  double share(RateClass of) const { return efficiencies[static_cast<std::size_t>(of)].share; }
  double communication_share = 0;        // of the compute units, taken by transfers of experts while F&B overlaps them
  double op_overhead_secs = 0;           // between two steps of an instruction
  double instruction_overhead_secs = 0;  // between two instructions, besides op_overhead_secs
  double step_overhead_secs = 0;         // coordinator: from the last rank's result to the update, and to the next step
  SyncParts sync_bytes_per_sec;          // rates at which each part reads and writes; 0: the rate of RateClass::rows
  Port local;                            // to devices of the same host; its rate includes its efficiency
  Port network;                          // to other hosts; likewise
  int cores = 0;                         // that all devices of a host share; 0: none is shared
  std::vector<MeasuredOp> measured;
};

RateClass rate_class(const StepWork& work, bool fp8);
// Whether the steps of this shape were measured.
bool is_measured(const DeviceModel& model, const StepShape& shape);
// Seconds of one step. `fp8`: linears of the compute type run in FP8, quantising their operands.
double step_seconds(const DeviceModel& model, const StepWork& work, bool fp8 = false);
// Seconds of a part of the step's end that moves `bytes`.
double sync_seconds(const DeviceModel& model, double SyncParts::*part, double bytes);

nlohmann::json to_json(const DeviceModel& model);
// Throws nlohmann::json::exception or std::runtime_error if `json` is not what to_json() makes.
DeviceModel device_model_from_json(const nlohmann::json& json);

}  // namespace dsrun
