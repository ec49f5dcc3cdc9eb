// Metrics: what a step measured, each declared once; the lines of metrics.jsonl and events.jsonl.
// To add a metric: a field, its row in metrics.cpp, and its value in CoordinatorCore::record_step().
#pragma once

#include <cstdint>
#include <deque>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "runtime/device/protocol.hpp"

namespace dsrun {

struct StepMetrics {
  std::int64_t step = 0;         // steps made, from 1
  double loss = 0;               // nats per predicted token, before the update; of the main model alone
  std::vector<double> mtp_loss;  // the same of each prediction depth
  double mtp_lambda = 0;         // weight of their mean in the sum that was minimised
  double balance_loss = 0;       // the sequence-wise one, summed over MoE layers, mean over sequences
  std::int64_t tokens = 0;       // predicted in this step
  double tokens_per_s = 0;
  double grad_norm = 0;  // before clipping
  double lr = 0;
  double max_vio = 0;         // largest load over mean − 1, mean over MoE layers, this global batch
  double max_vio_global = 0;  // the same of counts summed over the last 100 steps
  double bubble = 0;          // idle time over all time, mean over ranks
  double mfu = 0;             // model FLOPs over the measured peak
  double step_seconds = 0;
  std::int64_t generation = 0;
  std::int64_t memory_peak_bytes = 0;  // of the fullest rank
  PhaseTimes phases;                   // mean over ranks, seconds
};

struct ValidationMetrics {
  std::int64_t step = 0;
  double val_loss = 0;               // nats per predicted token over the whole validation part
  std::vector<double> val_mtp_loss;  // the same of each prediction depth
};

nlohmann::json to_json(const StepMetrics& metrics);
nlohmann::json to_json(const ValidationMetrics& metrics);

struct MetricHelp {
  std::string_view name;
  std::string_view unit;
  std::string_view help;
};
std::vector<MetricHelp> metric_table();

// Loads by [MoE layer][expert]. MaxVio as in arXiv 2408.15664: max ÷ mean − 1; mean over layers, 0 without any.
double mean_max_vio(const std::vector<std::vector<std::int64_t>>& loads);

// Sums loads over the last `length` steps.
class LoadWindow {
 public:
  explicit LoadWindow(std::size_t length = 100) : length_(length) {}
  void add(const std::vector<std::vector<std::int64_t>>& loads);
  double max_vio() const { return mean_max_vio(sum_); }

 private:
  std::size_t length_;
  std::deque<std::vector<std::vector<std::int64_t>>> steps_;
  std::vector<std::vector<std::int64_t>> sum_;
};

// One JSON object a line, each flushed when written; half a line that a crash left at the end is cut off first. Throws
// std::runtime_error naming the file when it cannot write.
class JsonLines {
 public:
  explicit JsonLines(const std::string& path);
  void write(const nlohmann::json& object);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::ofstream file_;
};

// A run that goes on from `step` drops the lines of later steps: they will be made again. Lines that no run
// writes go too. Replaces the file atomically; throws StorageError naming it.
void drop_lines_after(const std::string& path, std::int64_t step);

}  // namespace dsrun
