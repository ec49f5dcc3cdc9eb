#include "actors/core/culprit.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dsrun {

Culprit::Verdict Culprit::on_fault(const DeviceFault& fault) {
  if (!needs_explanation(fault.cause)) return Verdict::guilty;
  const bool first = !fault_;
  if (first || explains_more(fault, *fault_)) fault_ = fault;
  return first ? Verdict::ask : Verdict::wait;
}

void Culprit::on_report(WaitsReport report) {
  if (!fault_) return;
  std::erase_if(reports_, [&](const WaitsReport& other) { return other.rank == report.rank; });
  reports_.push_back(std::move(report));
}

std::string Culprit::in_words(const Plan& plan) const {
  std::string text = dsrun::in_words(*fault_, &plan.placement);
  for (int rank = 0; rank < plan.mesh.size(); ++rank) {
    const auto report =
        std::find_if(reports_.begin(), reports_.end(), [&](const WaitsReport& each) { return each.rank == rank; });
    const std::string name = rank_words(plan.placement, rank);
    if (report == reports_.end())
      text += fmt::format("; {} does not answer", name);
    else if (rank == fault_->rank)
      continue;
    else if (report->waits.empty())
      text += fmt::format("; {} waits for nobody, last op: {}", name, report->where);
    else
      text += fmt::format("; {} waits for {}", name, wait_words(plan.placement, report->waits[0]));
  }
  return text;
}

}  // namespace dsrun
