// What a device in a process of its own is told of its job, as text: enough to make the same plan, the same batches and
// the same state as every other device.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/device_setup.hpp"
#include "actors/state_files.hpp"
#include "dsl/job.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {

struct JobBrief {
  Job job;                                  // as it runs, its paths absolute
  std::string run_dir;                      // absolute
  std::optional<std::int64_t> resume_from;  // the step of the checkpoint there
  std::uint64_t text = 0;                   // fingerprint of what it trains on
  bool with_spans = false;                  // it shall tell what it does, for a trace
};

std::string to_text(const JobBrief& brief);
JobBrief read_brief(const std::string& text);  // throws std::runtime_error

// The setup of a rank on this host; opens the data and the checkpoint. Throws with what is wrong here.
std::shared_ptr<DeviceSetup> make_device_setup(const JobBrief& brief, int rank);

// The batches of a job that goes on from `from`: whatever batches it had before, the order of samples goes on.
std::shared_ptr<const BatchLoader> loader_from(const std::shared_ptr<const BatchLoader>& loader, const Job& job,
                                               const std::optional<SavedState>& from);

// Puts a pretrained model's weights in place of random ones; empty without one.
std::function<void(DeviceCore&)> initialiser(const std::shared_ptr<const Pretrained>& pretrained,
                                             const ModelSpec& model);

}  // namespace dsrun
