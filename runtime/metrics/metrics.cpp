#include "runtime/metrics/metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

struct MetricRow {
  MetricHelp about;
  json (*value)(const StepMetrics&);
};

#define METRIC(name, unit, help)                                                         \
  MetricRow {                                                                            \
    {#name, unit, help}, [](const StepMetrics& metrics) -> json { return metrics.name; } \
  }
#define PHASE(name, help)                                                                           \
  MetricRow {                                                                                       \
    {#name "_s", "s", help}, [](const StepMetrics& metrics) -> json { return metrics.phases.name; } \
  }

const std::vector<MetricRow>& rows() {
  static const std::vector<MetricRow> table = {
      METRIC(step, "steps", "steps made"),
      METRIC(loss, "nats", "cross entropy per predicted token, before the update"),
      METRIC(mtp_loss, "nats", "the same of each multi-token prediction depth"),
      METRIC(mtp_lambda, "", "weight of the mean of mtp_loss in the loss that is minimised; 0 without modules"),
      METRIC(balance_loss, "", "the sequence-wise balance loss, alpha included, summed over layers"),
      METRIC(tokens, "tokens", "predicted in this step"),
      METRIC(tokens_per_s, "tokens/s", "over the whole job"),
      METRIC(grad_norm, "", "global gradient norm before clipping"),
      METRIC(lr, "", "learning rate"),
      METRIC(max_vio, "", "largest expert load over the mean, less one; mean over layers, of this step"),
      METRIC(max_vio_global, "", "the same of the loads summed over the last 100 steps"),
      METRIC(bubble, "", "part of the ranks' time with nothing ready, waiting for a peer"),
      METRIC(mfu, "", "model FLOPs over the matrix-product peak measured at start"),
      METRIC(step_seconds, "s", "one step"),
      METRIC(generation, "", "of the job's topology"),
      METRIC(memory_peak_bytes, "B", "most memory of a rank so far"),
      PHASE(forward, "CPU time of forward ops, mean over ranks"),
      PHASE(backward, "CPU time of backward ops"),
      PHASE(exchange, "CPU time of packing and unpacking expert rows"),
      PHASE(optimizer, "CPU time of gradient sums, update and gathering"),
      PHASE(core_wait, "runnable, but without a core"),
      PHASE(idle, "nothing ready, waiting for a peer"),
      PHASE(delivery, "from sending to handling of the message that ended a wait"),
      PHASE(overhead, "CPU time outside ops: messages, scheduling"),
  };
  return table;
}

#undef METRIC
#undef PHASE

// 0 for a line of no step; nullopt for one that no run writes, such as half a line.
std::optional<std::int64_t> step_of_line(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const auto step = object.find("step");
  if (step == object.end()) return 0;
  return step->is_number_integer() ? std::optional(step->get<std::int64_t>()) : std::nullopt;
}

// What comes after the last end of line would spoil the line appended to it.
void cut_half_line(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return;  // a fresh file
  std::ifstream in(path, std::ios::binary);
  std::uintmax_t whole = size;
  for (; whole > 0; --whole) {
    in.seekg(static_cast<std::streamoff>(whole) - 1);
    if (in.get() == '\n') break;
  }
  if (in && whole < size) std::filesystem::resize_file(path, whole, error);
}

}  // namespace

json to_json(const StepMetrics& metrics) {
  json object;
  for (const MetricRow& row : rows()) object[std::string(row.about.name)] = row.value(metrics);
  return object;
}

json to_json(const ValidationMetrics& metrics) {
  json object = {{"step", metrics.step}, {"val_loss", metrics.val_loss}};
  if (!metrics.val_mtp_loss.empty()) object["val_mtp_loss"] = metrics.val_mtp_loss;
  return object;
}

std::vector<MetricHelp> metric_table() {
  std::vector<MetricHelp> table;
  for (const MetricRow& row : rows()) table.push_back(row.about);
  return table;
}

double mean_max_vio(const std::vector<std::vector<std::int64_t>>& loads) {
  double sum = 0;
  for (const auto& layer : loads) {
    std::int64_t total = 0, most = 0;
    for (const std::int64_t load : layer) {
      total += load;
      most = std::max(most, load);
    }
    if (total > 0)
      sum += static_cast<double>(most) * static_cast<double>(layer.size()) / static_cast<double>(total) - 1;
  }
  return loads.empty() ? 0 : sum / static_cast<double>(loads.size());
}

void LoadWindow::add(const std::vector<std::vector<std::int64_t>>& loads) {
  const auto combine = [this](const std::vector<std::vector<std::int64_t>>& step, auto operation) {
    for (std::size_t layer = 0; layer < step.size(); ++layer)
      for (std::size_t e = 0; e < step[layer].size(); ++e) sum_[layer][e] = operation(sum_[layer][e], step[layer][e]);
  };
  if (steps_.empty()) {
    sum_ = loads;
  } else {
    combine(loads, std::plus<>{});
  }
  steps_.push_back(loads);
  if (steps_.size() <= length_) return;
  combine(steps_.front(), std::minus<>{});
  steps_.pop_front();
}

JsonLines::JsonLines(const std::string& path) : path_(path) {
  cut_half_line(path);
  file_.open(path, std::ios::app);
  if (!file_) throw std::runtime_error(fmt::format("cannot write {}", path_));
}

void JsonLines::write(const json& object) {
  file_ << object.dump(-1, ' ', false, json::error_handler_t::replace) << '\n' << std::flush;
  if (!file_) throw std::runtime_error(fmt::format("cannot write {}", path_));
}

void drop_lines_after(const std::string& path, std::int64_t step) {
  if (!std::filesystem::exists(path)) return;
  std::ifstream in(path);
  if (!in) throw StorageError(fmt::format("cannot read {}", path));
  const std::string part = path + ".part";
  {
    std::ofstream out(part);
    for (std::string line; std::getline(in, line);) {
      const std::optional<std::int64_t> line_step = step_of_line(line);
      if (line_step && *line_step <= step) out << line << '\n';
    }
    if (in.bad()) throw StorageError(fmt::format("cannot read {}", path));
    if (!out.flush()) throw StorageError(fmt::format("cannot write {}", part));
  }
  std::error_code error;
  std::filesystem::rename(part, path, error);
  if (error) throw StorageError(fmt::format("{}: {}", path, error.message()));
}

}  // namespace dsrun
