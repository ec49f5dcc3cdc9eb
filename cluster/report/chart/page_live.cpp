#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "cluster/report/chart/markup.hpp"
#include "cluster/report/chart/page_parts.hpp"
#include "cluster/report/chart/units.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr double live_height = 40;
constexpr std::array<ActivationClass, num_activation_classes> stacking = {
    ActivationClass::saved, ActivationClass::routed, ActivationClass::working};  // from below
constexpr EnumNames<ActivationClass, num_activation_classes> style_classes({{ActivationClass::saved, "m-saved"},
                                                                            {ActivationClass::working, "m-working"},
                                                                            {ActivationClass::routed, "m-routed"}});

// Outlines of the stacked classes as steps: what an instruction leaves is there until the next is over.
std::array<std::string, num_activation_classes> outlines(const MemoryTimeline& timeline, const ReplayedRank& rank,
                                                         double step_seconds, double per_byte) {
  std::array<std::string, num_activation_classes> paths;
  std::array<double, num_activation_classes> before;
  before.fill(-1);
  for (std::size_t i = 0; i < std::min(timeline.points.size(), rank.instructions.size()); ++i) {
    double height = 0;
    for (std::size_t c = 0; c < num_activation_classes; ++c) {
      height += static_cast<double>(timeline.points[i].live[static_cast<std::size_t>(stacking[c])]) * per_byte;
      if (height == before[c]) continue;
      fmt::format_to(std::back_inserter(paths[c]), "H{:.1f}V{:.1f}", 1000 * rank.instructions[i].end / step_seconds,
                     live_height - height);
      before[c] = height;
    }
  }
  return paths;
}

}  // namespace

std::string page_live(const PageInput& input, const ChartLane& lane, std::int64_t most_bytes) {
  const MemoryTimeline& timeline = input.memory.timeline(static_cast<std::size_t>(lane.first_rank));
  const ReplayedRank& rank = input.replayed.ranks[lane.place];
  const double per_byte = live_height / static_cast<double>(std::max<std::int64_t>(most_bytes, 1));
  const auto paths = outlines(timeline, rank, input.replayed.step_seconds, per_byte);
  std::string html =
      fmt::format("<svg class=\"live\"><svg viewBox=\"0 0 1000 {0:.0f}\" preserveAspectRatio=\"none\">", live_height);
  for (std::size_t c = num_activation_classes; c-- > 0;)
    fmt::format_to(std::back_inserter(html), "<path class=\"{0}\" d=\"M0 {1:.0f}{2}H1000V{1:.0f}Z\"/>",
                   style_classes[stacking[c]], live_height, paths[c]);
  html += "</svg>";
  if (timeline.peak_at < rank.instructions.size()) {
    const ReplayedInstruction& at = rank.instructions[timeline.peak_at];
    const double y = live_height - static_cast<double>(timeline.peak_total()) * per_byte;
    fmt::format_to(std::back_inserter(html),
                   "<g><title>most activations: {0} during {1}</title><circle cx=\"{2:.3f}%\" cy=\"{3:.1f}\" r=\"3\"/>"
                   "<text x=\"{2:.3f}%\" y=\"{4:.1f}\" dx=\"6\">{0}</text></g>",
                   size_text(static_cast<double>(timeline.peak_total())), escaped(to_string(at.instruction)),
                   100 * (at.start + at.end) / 2 / input.replayed.step_seconds, y, std::max(9.0, y + 4));
  }
  return html + "</svg>\n";
}

}  // namespace dsrun
