// Progressed: what a running job reports to the listener that shows or records it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "runtime/device/protocol.hpp"
#include "runtime/metrics/metrics.hpp"

namespace dsrun {

enum class Outcome : std::uint8_t {
  completed,
  stopped,  // on request, with its state saved
  aborted,  // on request, without saving
  failed,
  storage_failed,  // a checkpoint could not be written
};

struct StepFinished {
  StepMetrics metrics;
  std::vector<PhaseTimes> times;                         // by rank
  std::vector<MemoryUse> memory;                         // by rank
  std::vector<ProgramTimes> programs;                    // by rank
  OpSeconds op_seconds;                                  // over all ranks
  std::vector<std::vector<std::int64_t>> expert_counts;  // [MoE layer][expert], this step
  std::int64_t rows_sent_away = 0;                       // token rows that went to another rank, over all ranks
  std::vector<std::int64_t> rows_received;               // by rank
  SentTraffic sent;                                      // over all ranks
};
struct ValidationFinished {
  std::int64_t step = 0;
  double loss = 0;
  std::vector<double> mtp_loss;  // by prediction depth
};
struct SaveFinished {
  std::int64_t step = 0;
  std::vector<ShardSaved> shards;          // by rank
  std::vector<std::vector<float>> biases;  // [MoE layer][expert]
  bool validated = false;                  // whether validation was made at this step
  double seconds = 0;                      // from the order to the commit
};
struct JobFinished {
  Outcome outcome = Outcome::completed;
  std::string cause;                   // unless completed or stopped
  std::optional<DeviceFault> fault{};  // behind the cause, where a member is to blame
};
// What a rank sent to another over the data plane. A job in processes reports its links after JobFinished, in order.
struct LinkReport {
  int from = 0, to = 0;   // ranks
  std::string transport;  // as UCX calls it: "posix", "tcp/eth0"
  std::int64_t messages = 0, bytes = 0;
};

using Progressed = std::variant<StepFinished, ValidationFinished, SaveFinished, JobFinished, LinkReport>;

}  // namespace dsrun
