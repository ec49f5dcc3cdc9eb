// Between devices and the checkpoints on disk: which ranges of which tensors a device owns, and how they come back.
//
// A device saves what it owns: master weights, moments and the average of weights, as NAME/master, NAME/moment1,
// NAME/moment2 and, if the job keeps one, NAME/ema. Biases are the coordinator's and lie in the manifest. Everything
// else follows from these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/coordinator_core.hpp"
#include "runtime/device/device_core.hpp"
#include "runtime/state/checkpoint/checkpoint.hpp"

namespace dsrun {

// What stands behind a parameter's name.
inline constexpr const char *master_suffix = "/master", *average_suffix = "/ema";

// A committed checkpoint, as far as its manifest tells.
struct SavedState {
  std::string run_dir;
  Manifest manifest;
  std::vector<std::vector<float>> biases;  // [MoE layer][expert]
  bool validated = false;                  // whether the validation due at this step was made
  // Of what it trained on, and how many samples of it in all; older checkpoints tell neither.
  std::optional<std::uint64_t> text;
  std::optional<std::int64_t> samples;

  std::int64_t step() const { return manifest.step; }
  bool has_average() const;  // of weights
};

// Which of a checkpoint's weights a model has.
enum class SavedWeights : std::uint8_t { last, average };

// The newest checkpoint of a run; nullopt: none. Throws StorageError when its manifest cannot be understood.
std::optional<SavedState> find_saved_state(const std::string& run_dir, FileSystem& files = machine_files());

// Writes a device's shard; returns its description for the manifest.
std::string save_device(const std::string& run_dir, DeviceCore& core, std::int64_t step,
                        FileSystem& files = machine_files());
// Makes the checkpoint count, once every shard is written.
void commit_save(const std::string& run_dir, const Job& job, const SaveFinished& save, std::uint64_t text,
                 std::int64_t samples, FileSystem& files = machine_files());
// Puts saved state in place of the initial values, of a device of the same model on any mesh. An average that the
// checkpoint lacks begins at its weights. Throws StorageError.
void restore_device(const SavedState& saved, DeviceCore& core, SavedWeights weights = SavedWeights::last,
                    FileSystem& files = machine_files());

}  // namespace dsrun
