#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "cluster/report/chart/page_parts.hpp"
#include "cluster/report/chart/units.hpp"

namespace dsrun {
namespace {

std::string bubble_table(const PageInput& input) {
  const Replayed& replayed = input.replayed;
  std::string html =
      "<div><h2>Idle time by cause</h2>\n<table><tr><th>cause</th><th>mean of a rank</th><th>of the "
      "step</th><th>most of a rank</th></tr>\n";
  const auto num_ranks = static_cast<double>(replayed.ranks.size());
  const auto row = [&](std::string_view of_class, std::string_view name, auto idle) {
    double sum = 0, most = 0;
    for (const ReplayedRank& rank : replayed.ranks) {
      sum += idle(rank);
      most = std::max(most, idle(rank));
    }
    fmt::format_to(std::back_inserter(html),
                   "<tr><td><i class=\"{}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", of_class, name,
                   time_text(sum / num_ranks), percent_text(sum / num_ranks / replayed.step_seconds), time_text(most));
  };
  for (std::size_t cause = 0; cause < num_idle_causes; ++cause)
    row(idle_class(static_cast<Idle>(cause)), idle_name(static_cast<Idle>(cause)),
        [cause](const ReplayedRank& rank) { return rank.idle[cause]; });
  row("none", "all", [](const ReplayedRank& rank) { return rank.idle_total(); });
  return html + "</table></div>\n";
}

std::string kind_table(const PageInput& input) {
  std::array<KindTime, num_chart_signs> times{};
  for (std::size_t k = 0; const KindTime& kind : input.replayed.kinds()) times[k++] = kind;
  for (const ChartLane& lane : input.lanes)
    for (const ChartSpan& span : lane.spans) {
      if (span.instruction >= 0 || span.sign == ChartSign::idle) continue;
      KindTime& time = times[static_cast<std::size_t>(span.sign)];
      ++time.count;
      time.seconds += span.seconds();
    }
  const double all = input.replayed.step_seconds * static_cast<double>(input.replayed.ranks.size());
  std::string html =
      "<div><h2>Time by instruction</h2>\n<table><tr><th>instruction</th><th>number</th><th>each</th>"
      "<th>of all time</th><th>waits inside</th></tr>\n";
  for (std::size_t s = 0; s < num_chart_signs; ++s) {
    const KindTime& time = times[s];
    if (time.count == 0) continue;
    const auto sign = static_cast<ChartSign>(s);
    const bool is_instruction = s < num_instruction_kinds;
    fmt::format_to(std::back_inserter(html),
                   "<tr><td><i class=\"{}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                   sign_class(sign), sign == ChartSign::overlapped ? "forward and backward" : sign_name(sign),
                   time.count, time_text(time.seconds / time.count), percent_text(time.seconds / all),
                   is_instruction ? percent_text(std::max(0.0, time.seconds - time.work) / all) : "");
  }
  return html + "</table></div>\n";
}

std::string work_table(const PageInput& input) {
  std::string html =
      "<div><h2>Work by what limits it</h2>\n<table><tr><th>limit</th><th>mean of a rank</th><th>of the "
      "step</th></tr>\n";
  const auto row = [&](std::string_view name, double seconds) {
    if (seconds > 0)
      fmt::format_to(std::back_inserter(html), "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", name, time_text(seconds),
                     percent_text(seconds / input.replayed.step_seconds));
  };
  for (std::size_t rate = 0; rate < num_rate_classes; ++rate) {
    std::string name(rate_class_name(static_cast<RateClass>(rate)));
    std::replace(name.begin(), name.end(), '_', ' ');
    row(name, input.forecast.work[rate]);
  }
  row("step's end", input.forecast.end_work);
  return html + "</table></div>\n";
}

}  // namespace

std::string page_tables(const PageInput& input) {
  return "<section class=\"side\">" + bubble_table(input) + kind_table(input) + work_table(input) + "</section>\n";
}

}  // namespace dsrun
