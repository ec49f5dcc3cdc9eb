#include "dsrun/trained_model.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "actors/state_files.hpp"
#include "dsl/parse.hpp"
#include "runtime/kernels/gemm.hpp"

namespace dsrun {
namespace {

TrainedModel from_pretrained(const std::string& folder) {
  constexpr std::int64_t longest = 4096;  // published models allow more than a plain forward pass should try
  auto pretrained = std::make_shared<const Pretrained>(open_pretrained(folder));
  TrainedModel found;
  found.model = pretrained->config.model;
  found.length = static_cast<int>(std::min(pretrained->config.max_length, longest));
  found.what = folder;
  found.load = [pretrained](const LocalOptions& options) { return std::make_unique<LocalModel>(*pretrained, options); };
  return found;
}

TrainedModel from_run(const std::string& folder) {
  const ParseResult parsed = parse_job_file(folder + "/job.toml");
  if (!parsed.job) throw StorageError(render(parsed.faults, false));
  std::optional<SavedState> saved = find_saved_state(folder);
  if (!saved) throw StorageError(fmt::format("{} has no checkpoint", folder));
  TrainedModel found;
  found.model = parsed.job->model;
  found.length = parsed.job->batch.length;
  found.precision = parsed.job->precision.compute;
  if (found.precision == Precision::bf16 && !bf16_products_supported()) found.precision = Precision::fp32;
  found.what = fmt::format("step {} of {}", saved->step(), folder);
  found.load = [model = found.model, state = *saved](const LocalOptions& options) {
    return std::make_unique<LocalModel>(model, options, [&](DeviceCore& core) { restore_device(state, core); });
  };
  return found;
}

}  // namespace

TrainedModel find_trained_model(const std::string& folder) {
  if (std::filesystem::exists(folder + "/config.json")) return from_pretrained(folder);
  if (std::filesystem::exists(folder + "/job.toml")) return from_run(folder);
  throw StorageError(fmt::format("{} is neither a run's folder nor a model's: no job.toml, no config.json", folder));
}

}  // namespace dsrun
