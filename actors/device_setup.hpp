// DeviceSetup: all that a device actor needs before it makes its core.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/state_files.hpp"
#include "cluster/membership.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

struct DeviceSetup {
  Membership membership;  // with its plan
  int rank = 0;
  std::shared_ptr<const BatchLoader> loader;
  bool pin_core = false;
  bool yields_after_op = true;   // false: it runs ops for as long as any is ready and no message waits
  bool shares_thread = false;    // with other devices
  Reach reach = Reach::process;  // of its memory: whether devices of other processes may read its tensors in place
  // These functions are called on the thread that runs the device; they may be empty. `restore` puts saved state in
  // place of initial values; `save` writes the state after `step` steps and returns its description for the manifest.
  std::function<void(DeviceCore&)> restore;
  std::function<std::string(DeviceCore&, std::int64_t step)> save;
  std::function<void(const DeviceSpan&)> on_span;
  // Takes a message to a device of another process; empty where all are actors of this one.
  std::function<void(int destination, TensorMessage message)> send;
};

// Sets how a device restores and saves its state, in whatever process it lives.
void set_state_functions(DeviceSetup& setup, const std::string& run_dir, const std::optional<SavedState>& resume_from,
                         const std::function<void(DeviceCore&)>& initialise);

}  // namespace dsrun
