// The RUN|HF_DIR argument of verbs that use a model: a run's newest checkpoint, or a folder in Hugging Face's form.
#pragma once

#include <memory>
#include <string>

#include "runtime/device/local_model.hpp"

namespace dsrun {

struct TrainedModel {
  ModelSpec model;
  int length = 0;  // tokens of a sequence in training
  Precision precision = Precision::fp32;
  std::string what;                                                      // "step 200 of runs/quickstart"
  std::function<std::unique_ptr<LocalModel>(const LocalOptions&)> load;  // throws StorageError
};

// Throws StorageError where the folder holds neither, or what it holds is damaged.
TrainedModel find_trained_model(const std::string& folder);

}  // namespace dsrun
