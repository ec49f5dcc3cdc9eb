#include "actors/device_setup.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace dsrun {

void set_state_functions(DeviceSetup& setup, const std::string& run_dir, const std::optional<SavedState>& resume_from,
                         const std::function<void(DeviceCore&)>& initialise) {
  setup.restore = initialise;
  if (resume_from) setup.restore = [from = *resume_from](DeviceCore& core) { restore_device(from, core); };
  if (!run_dir.empty())
    setup.save = [run_dir](DeviceCore& core, std::int64_t step) { return save_device(run_dir, core, step); };
}

std::string explain_waits(const DeviceFault& first, const std::vector<WaitsReport>& reports, int num_ranks) {
  std::string text = fmt::format("rank {}: {}: {}", first.rank, first.where, first.detail);
  for (int rank = 0; rank < num_ranks; ++rank) {
    const auto report =
        std::find_if(reports.begin(), reports.end(), [&](const WaitsReport& each) { return each.rank == rank; });
    if (report == reports.end()) {
      text += fmt::format("; rank {} does not answer", rank);
    } else if (rank != first.rank) {
      text += report->waits.empty() ? fmt::format("; rank {} waits for nobody, last op: {}", rank, report->where)
                                    : fmt::format("; rank {} waits for {}", rank, to_string(report->waits[0]));
    }
  }
  return text;
}

}  // namespace dsrun
