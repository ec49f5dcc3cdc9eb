#include "dsrun/run/trained_model.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "dsl/device_kind.hpp"
#include "dsl/parse.hpp"
#include "runtime/backend/backend.hpp"

namespace dsrun {
namespace {

TrainedModel from_pretrained(const std::string& folder, const std::vector<std::string>& accept) {
  constexpr std::int64_t longest = 4096;  // published models allow more than a plain forward pass should try
  auto pretrained = std::make_shared<const Pretrained>(open_pretrained(folder, accept));
  TrainedModel found;
  found.model = pretrained->config.model;
  found.length = static_cast<int>(std::min(pretrained->config.max_length, longest));
  found.tokenizer = find_tokenizer(folder);
  found.what = folder;
  found.notes = pretrained->notes;
  found.load = [pretrained](const LocalOptions& options) { return std::make_unique<LocalModel>(*pretrained, options); };
  return found;
}

TrainedModel from_run(const std::string& folder, SavedWeights weights) {
  const ParseResult parsed = parse_job_file(folder + "/job.toml");
  if (!parsed.job) throw StorageError(render(parsed.faults, false));
  const SavedState saved = find_saved_weights(folder, weights);
  TrainedModel found;
  found.model = parsed.job->model;
  found.length = parsed.job->batch.length;
  found.tokenizer = parsed.job->data.tokenizer;
  found.precision = parsed.job->precision.compute;
  if (!backend_for(cpu_kind).computes_in(found.precision)) found.precision = Precision::fp32;
  found.what =
      fmt::format("{}step {} of {}", weights == SavedWeights::average ? "average at " : "", saved.step(), folder);
  found.load = [model = found.model, state = saved, weights](const LocalOptions& options) {
    return std::make_unique<LocalModel>(model, options,
                                        [&](DeviceCore& core) { restore_device(state, core, weights); });
  };
  return found;
}

}  // namespace

SavedState find_saved_weights(const std::string& run, SavedWeights weights) {
  std::optional<SavedState> saved = find_saved_state(run);
  if (!saved) throw StorageError(fmt::format("{} has no checkpoint", run));
  if (weights == SavedWeights::average && !saved->has_average())
    throw StorageError(
        fmt::format("step {} of {} has no average of weights, because optimizer.ema_decay was 0", saved->step(), run));
  return *saved;
}

std::string find_tokenizer(const std::string& folder) {
  for (const char* name : {"/tokenizer.json", "/tiktoken.model"})
    if (std::filesystem::exists(folder + name)) return folder + name;
  return "";
}

TrainedModel find_trained_model(const std::string& folder, SavedWeights weights,
                                const std::vector<std::string>& accept) {
  if (std::filesystem::exists(folder + "/config.json")) {
    if (weights == SavedWeights::average)
      throw StorageError(fmt::format("{} is not a run; it has one set of weights", folder));
    return from_pretrained(folder, accept);
  }
  if (std::filesystem::exists(folder + "/job.toml")) {
    if (!accept.empty()) throw StorageError(fmt::format("{} is a run; --accept is about a config.json", folder));
    return from_run(folder, weights);
  }
  throw StorageError(
      fmt::format("{} is not a folder of a run or a model: it has no job.toml and no config.json", folder));
}

std::optional<Tokenizer> load_tokenizer(const TrainedModel& trained, const std::string& path) {
  const std::string& chosen = path.empty() ? trained.tokenizer : path;
  if (chosen.empty()) return std::nullopt;
  Tokenizer tokenizer = Tokenizer::load(chosen);
  if (tokenizer.vocab_size() > trained.model.vocab_size)
    throw StorageError(fmt::format("{} has {} tokens, {} has {}", chosen, tokenizer.vocab_size(), trained.what,
                                   trained.model.vocab_size));
  return tokenizer;
}

void check_reads_bytes(const TrainedModel& trained) {
  if (trained.model.vocab_size == 256) return;
  throw StorageError(fmt::format("{} has {} tokens and no tokenizer.json: give one by --tokenizer", trained.what,
                                 trained.model.vocab_size));
}

}  // namespace dsrun
