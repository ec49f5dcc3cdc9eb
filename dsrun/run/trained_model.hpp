// The RUN|HF_DIR argument of verbs that use a model: a run's newest checkpoint, or a folder in Hugging Face's form.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/state_files.hpp"
#include "runtime/device/local_model.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

struct TrainedModel {
  ModelSpec model;
  int length = 0;  // tokens of a sequence in training
  Precision precision = Precision::fp32;
  std::string tokenizer;           // of a run's job or beside a model: the path of its tokenizer.json; "": none
  std::string what;                // "step 200 of runs/quickstart"
  std::vector<std::string> notes;  // for people: parts of a folder in Hugging Face's form that have no effect
  std::function<std::unique_ptr<LocalModel>(const LocalOptions&)> load;  // throws StorageError
};

// `weights`: the last ones of a run, or their average. `accept`: unknown keys of a config.json that may be ignored.
// Throws StorageError if the folder holds neither a run nor a
// model, if it has no average, or if its content is damaged.
TrainedModel find_trained_model(const std::string& folder, SavedWeights weights = SavedWeights::last,
                                const std::vector<std::string>& accept = {});
// The newest checkpoint that has such weights. Throws StorageError.
SavedState find_saved_weights(const std::string& run, SavedWeights weights);

// The tokenizer's file in a folder of a model: tokenizer.json, else tiktoken.model; "": none.
std::string find_tokenizer(const std::string& folder);

// The tokenizer at `path`, or the model's own if `path` is empty; nullopt: there is none. Throws StorageError if the
// tokenizer does not fit the model.
std::optional<Tokenizer> load_tokenizer(const TrainedModel& trained, const std::string& path);
// Throws StorageError unless the model's tokens are bytes.
void check_reads_bytes(const TrainedModel& trained);

}  // namespace dsrun
