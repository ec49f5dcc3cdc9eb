// Writes a checkpoint of a run as a model in Hugging Face's form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/state_files.hpp"

namespace dsrun {

struct ExportOptions {
  std::string folder;   // it must not hold a model
  bool narrow = true;   // weights in bf16, else in fp32; biases are fp32 in any case
  double shard_gb = 5;  // largest size of a file's tensors
  SavedWeights weights = SavedWeights::last;
};

// First makes all files besides the weights, so that a fault in one of them leaves nothing behind; then writes beside
// the folder and renames last. Returns notes for people. Throws StorageError.
std::vector<std::string> export_model(const ExportOptions& options, const Job& job, const SavedState& saved);

}  // namespace dsrun
