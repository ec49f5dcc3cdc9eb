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

namespace {

std::string host_words(const Placement& placement, int rank) {
  return placement.num_nodes() > 1 ? " on host " + placement.host(placement.node_of(rank)) : "";
}

}  // namespace

std::string rank_words(const Placement& placement, int rank) {
  return fmt::format("rank {}{}", rank, host_words(placement, rank));
}

std::string wait_words(const Placement& placement, const Tag& tag) {
  return to_string(tag) + host_words(placement, tag.source);
}

std::string explain_waits(const Plan& plan, const DeviceFault& first, const std::vector<WaitsReport>& reports) {
  const std::string who = first.is_loss ? fmt::format("rank {}", first.rank) : rank_words(plan.placement, first.rank);
  std::string text = fmt::format("{}: {}: {}", who, first.where, first.detail);
  for (int rank = 0; rank < plan.mesh.size(); ++rank) {
    const auto report =
        std::find_if(reports.begin(), reports.end(), [&](const WaitsReport& each) { return each.rank == rank; });
    if (report == reports.end()) {
      text += fmt::format("; {} does not answer", rank_words(plan.placement, rank));
    } else if (rank != first.rank) {
      const std::string name = rank_words(plan.placement, rank);
      text += report->waits.empty()
                  ? fmt::format("; {} waits for nobody, last op: {}", name, report->where)
                  : fmt::format("; {} waits for {}", name, wait_words(plan.placement, report->waits[0]));
    }
  }
  return text;
}

}  // namespace dsrun
