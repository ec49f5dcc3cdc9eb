#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "cluster/report/chart/markup.hpp"
#include "cluster/report/chart/page_parts.hpp"
#include "cluster/report/chart/units.hpp"

namespace dsrun {
namespace {

struct ClassRow {
  std::string_view name;
  std::string_view meaning;
  std::int64_t RankMemory::*bytes;
};
constexpr std::array class_rows = {ClassRow{"weights", "weights", &RankMemory::weights},
                                   ClassRow{"gradients", "gradients", &RankMemory::gradients},
                                   ClassRow{"optimizer", "optimizer", &RankMemory::optimizer},
                                   ClassRow{"saved", "saved for backward", &RankMemory::saved},
                                   ClassRow{"routed", "routed rows", &RankMemory::routed},
                                   ClassRow{"working", "other activations", &RankMemory::working},
                                   ClassRow{"messages", "messages", &RankMemory::messages},
                                   ClassRow{"scratch", "scratch", &RankMemory::scratch}};

double total(const RankMemory& memory) {
  double sum = 0;
  for (const ClassRow& row : class_rows) sum += static_cast<double>(memory.*row.bytes);
  return sum;
}

void add_bar(std::string& html, const RankMemory& memory, double scale, double device_bytes) {
  const auto out = std::back_inserter(html);
  fmt::format_to(out, "<svg class=\"bar\">");
  double at = 0;
  for (const ClassRow& row : class_rows) {
    const auto bytes = static_cast<double>(memory.*row.bytes);
    if (bytes <= 0) continue;
    fmt::format_to(out,
                   "<g><title>{}: {}</title><rect class=\"m-{}\" x=\"{:.3f}%\" width=\"{:.3f}%\" height=\"20\"/></g>",
                   row.meaning, size_text(bytes), row.name, 100 * at / scale, 100 * bytes / scale);
    at += bytes;
  }
  fmt::format_to(out,
                 "<g><title>peak: {} during {}</title><line class=\"peak\" x1=\"{:.3f}%\" x2=\"{:.3f}%\" y1=\"0\" "
                 "y2=\"20\"/></g>",
                 size_text(static_cast<double>(memory.peak)), escaped(memory.peak_at),
                 100 * static_cast<double>(memory.peak) / scale, 100 * static_cast<double>(memory.peak) / scale);
  if (device_bytes > 0)
    fmt::format_to(out,
                   "<g><title>the device has {}</title><line class=\"limit\" x1=\"{:.3f}%\" x2=\"{:.3f}%\" "
                   "y1=\"0\" y2=\"20\"/></g>",
                   size_text(device_bytes), 100 * device_bytes / scale, 100 * device_bytes / scale);
  html += "</svg>";
}

}  // namespace

std::string page_memory(const PageInput& input) {
  double most = 1;
  for (const RankMemory& memory : input.memory.by_index)
    most = std::max({most, total(memory), static_cast<double>(memory.peak)});
  // A device with far more than is needed would shrink the bars to nothing.
  const double device_bytes = input.model.memory_bytes < 4 * most ? input.model.memory_bytes : 0;
  const double scale = 1.02 * std::max(most, device_bytes);
  std::string html = "<section><h2>Memory</h2>\n<table class=\"memory\">\n";
  for (const ChartLane& lane : input.lanes) {
    const RankMemory& memory = input.memory[static_cast<std::size_t>(lane.first_rank)];
    const bool over = input.model.memory_bytes > 0 && static_cast<double>(memory.peak) > input.model.memory_bytes;
    fmt::format_to(std::back_inserter(html), "<tr><th>{} {}</th><td class=\"bars\">",
                   lane.num_ranks == 1 ? "rank" : "ranks", lane.ranks());
    add_bar(html, memory, scale, device_bytes);
    fmt::format_to(std::back_inserter(html), "</td><td{}>{}{}</td><td>{}</td></tr>\n", over ? " class=\"over\"" : "",
                   size_text(static_cast<double>(memory.peak)), over ? " – too much" : "", escaped(memory.peak_at));
  }
  html += "</table>\n<p class=\"legend\">";
  for (const ClassRow& row : class_rows)
    fmt::format_to(std::back_inserter(html), "<span><i class=\"m-{}\"></i>{}</span> ", row.name, row.meaning);
  html +=
      "</p>\n<p class=\"note\">Activations by class at their own highest, which need not be at the same time; the "
      ""
      "mark and the figure are the peak of all together, during the instruction beside it.";
  if (device_bytes > 0) fmt::format_to(std::back_inserter(html), " Red: the device's {}.", size_text(device_bytes));
  return html + "</p></section>\n";
}

}  // namespace dsrun
