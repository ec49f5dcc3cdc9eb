#include "actors/device_setup.hpp"

namespace dsrun {

void set_state_functions(DeviceSetup& setup, const std::string& run_dir, const std::optional<SavedState>& resume_from,
                         const std::function<void(DeviceCore&)>& initialise) {
  setup.restore = initialise;
  if (resume_from) setup.restore = [from = *resume_from](DeviceCore& core) { restore_device(from, core); };
  if (!run_dir.empty())
    setup.save = [run_dir](DeviceCore& core, std::int64_t step) { return save_device(run_dir, core, step); };
}

}  // namespace dsrun
