// JobBrief: what a device process needs to know of its job, as text. From it every device makes the same plan, the same
// batches and the same state.
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
  std::uint64_t text = 0;                   // fingerprint of the training data
  bool with_spans = false;                  // the device reports its spans, for a trace
};

std::string to_text(const JobBrief& brief);
JobBrief read_brief(const std::string& text);  // throws std::runtime_error

// The setup of a rank on this host; opens the data and the checkpoint. Throws std::runtime_error if they do not fit.
std::shared_ptr<DeviceSetup> make_device_setup(const JobBrief& brief, int rank);

// The batches of a job that continues from `from`. The order of samples continues whatever size the batches had before.
std::shared_ptr<const BatchLoader> loader_from(const std::shared_ptr<const BatchLoader>& loader, const Job& job,
                                               const std::optional<SavedState>& from);

// Replaces random weights by those of a pretrained model; empty if there is none.
std::function<void(DeviceCore&)> initialiser(const std::shared_ptr<const Pretrained>& pretrained,
                                             const ModelSpec& model);

}  // namespace dsrun
