// DeviceSetup: all that a device actor is told before it makes its core, and WaitsReport, what it says of its waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/state_files.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

struct DeviceSetup {
  std::shared_ptr<const Plan> plan;
  int rank = 0;
  std::shared_ptr<const BatchLoader> loader;
  bool pin_core = false;
  bool yields_after_op = true;   // false: it runs ops for as long as any is ready and no message waits
  bool shares_thread = false;    // with other devices
  Reach reach = Reach::process;  // of its memory: devices of other processes may be shown its tensors
  // All are called on the thread that runs the device; they may be empty. `restore` puts saved state in place of
  // initial values; `save` writes the state after `step` steps and returns its description for the manifest.
  std::function<void(DeviceCore&)> restore;
  std::function<std::string(DeviceCore&, std::int64_t step)> save;
  std::function<void(const DeviceSpan&)> on_span;
  // Takes a message to a device of another process; empty where all are actors of this one.
  std::function<void(int destination, TensorMessage message)> send;
};

// How a device comes to its state and saves it, in whatever process it lives.
void set_state_functions(DeviceSetup& setup, const std::string& run_dir, const std::optional<SavedState>& resume_from,
                         const std::function<void(DeviceCore&)>& initialise);

// What a device says when asked what it waits for: nothing, when it is computing or between rounds.
struct WaitsReport {
  int rank = 0;
  std::vector<Tag> waits;
  std::string where;  // the op it last began
};

// "rank 3"; where the job has several nodes, "rank 3 on host b".
std::string rank_words(const Placement& placement, int rank);
// "activations … from rank 3 on host b"
std::string wait_words(const Placement& placement, const Tag& tag);

// The chain behind a wait that passed its deadline: who waits for whom, and which ranks said nothing at all.
std::string explain_waits(const Plan& plan, const DeviceFault& first, const std::vector<WaitsReport>& reports);

}  // namespace dsrun
