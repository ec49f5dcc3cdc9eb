#include "actors/device_setup.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace dsrun {

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
