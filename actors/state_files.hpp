// The way between devices and checkpoints on disk: which ranges of which tensors a device saves, and how they are
// restored.
//
// A device saves what it owns: master weights, moments and the average of weights, as NAME/master, NAME/moment1,
// NAME/moment2 and, if the job keeps one, NAME/ema. Biases belong to the coordinator and are saved in the manifest.
// Everything else follows from these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/coordinator_core.hpp"
#include "runtime/device/device_core.hpp"
#include "runtime/state/checkpoint/checkpoint.hpp"

namespace dsrun {

// What is added to a parameter's name.
inline constexpr const char *master_suffix = "/master", *average_suffix = "/ema";

// A committed checkpoint, as far as its manifest describes it.
struct SavedState {
  std::string run_dir;
  Manifest manifest;
  std::vector<std::vector<float>> biases;  // [MoE layer][expert]
  bool validated = false;                  // whether the validation due at this step was made
  // The fingerprint of the training text, and how many samples the run has trained on in all. Older checkpoints have
  // neither.
  std::optional<std::uint64_t> text;
  std::optional<std::int64_t> samples;

  std::int64_t step() const { return manifest.step; }
  bool has_average() const;  // whether it has an average of the weights
};

// Which of a checkpoint's weights a model gets.
enum class SavedWeights : std::uint8_t { last, average };

// The newest checkpoint of a run; nullopt: none. Throws StorageError if its manifest cannot be understood.
std::optional<SavedState> find_saved_state(const std::string& run_dir, FileSystem& files = machine_files());

// Writes a device's shard; returns its description for the manifest.
std::string save_device(const std::string& run_dir, DeviceCore& core, std::int64_t step,
                        FileSystem& files = machine_files());
// Commits the checkpoint, once every shard is written.
void commit_save(const std::string& run_dir, const Job& job, const SaveFinished& save, std::uint64_t text,
                 std::int64_t samples, FileSystem& files = machine_files());
// Puts saved state in place of the initial values of a device; the model must be the same, the mesh may differ. An
// average that the checkpoint lacks starts from the checkpoint's weights. Throws StorageError.
void restore_device(const SavedState& saved, DeviceCore& core, SavedWeights weights = SavedWeights::last,
                    FileSystem& files = machine_files());

}  // namespace dsrun
