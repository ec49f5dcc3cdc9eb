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

constexpr double narrow_chart = 1000;  // pixels; up to here a chart fits a window and shows microbatches' numbers
constexpr double lane_height = 28;

// Places over time are percentages, so that one page serves two widths without distorting letters.
class LanesWriter {
 public:
  explicit LanesWriter(const PageInput& input) : input_(input) {
    std::size_t most = 0;
    for (const ChartLane& lane : input.lanes) most = std::max(most, lane.spans.size());
    width_ = std::clamp(14.0 * static_cast<double>(most), narrow_chart, 8000.0);
    for (const MemoryTimeline& timeline : input.memory.timelines)
      most_live_ = std::max(most_live_, timeline.peak_total());
  }

  std::string html() {
    const bool wide = width_ > narrow_chart;
    put("<section><h2>Schedule</h2>\n");
    if (wide)
      put("<input type=\"checkbox\" id=\"fit\" checked=\"checked\"/><label for=\"fit\">fit the window</label>\n");
    put("<div class=\"chart\"><div class=\"labels\">");
    for (const ChartLane& lane : input_.lanes) label(lane);
    put("</div><div class=\"scroll\"><div class=\"{}\" style=\"--width:{:.0f}px\">\n", wide ? "time wide" : "time",
        width_);
    ticks();
    for (const ChartLane& lane : input_.lanes) {
      spans(lane);
      html_ += page_live(input_, lane, most_live_);
    }
    put("</div></div></div>\n");
    legend();
    put("</section>\n");
    return std::move(html_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(html_), format, std::forward<Args>(args)...);
  }
  double percent(double seconds) const { return 100 * seconds / input_.replayed.step_seconds; }
  const std::vector<Chunk>& chunks(const ChartLane& lane) const {
    return input_.plan.program.ranks[static_cast<std::size_t>(input_.plan.mesh.pipeline_index(lane.first_rank))].chunks;
  }

  void label(const ChartLane& lane) {
    std::string stages;
    for (const Chunk& chunk : chunks(lane)) {
      const StageRange& range = input_.plan.ranges[static_cast<std::size_t>(chunk.stage)];
      stages += fmt::format("stage {}: layers {}–{}\n", chunk.stage, range.first_layer, range.last_layer - 1);
    }
    put("<div class=\"label\" title=\"{}\"><b>{} {}</b> idle {:.0f} %</div>\n", stages,
        lane.num_ranks == 1 ? "rank" : "ranks", lane.ranks(), 100 * lane.idle_share);
  }

  // Where the whole chart is to fit a window, only every so many ticks have room for their time.
  void ticks() {
    const double whole = input_.replayed.step_seconds;
    const double step = nice_step(whole, static_cast<int>(width_ / 125));
    const int told = std::max(1, static_cast<int>(nice_step(whole, 8) / step + 0.5));
    put("<svg class=\"grid\">");
    for (int tick = 0; tick * step <= whole; ++tick)
      put("<g{0}><line x1=\"{1:.3f}%\" x2=\"{1:.3f}%\" y1=\"0\" y2=\"100%\"/><text x=\"{1:.3f}%\" y=\"12\" "
          "dx=\"3\">{2}</text></g>",
          tick % told == 0 ? "" : " class=\"minor\"", percent(tick * step), tick_text(tick * step, whole));
    put("</svg>\n");
  }

  std::string stage_of(const ChartLane& lane, const Half& half) const {
    const Chunk& chunk = chunks(lane)[half.phase];
    return fmt::format("stage {}, microbatch {}{}", chunk.stage, half.microbatch,
                       chunk.direction == 1 ? " from the other end" : "");
  }

  std::string tooltip(const ChartLane& lane, const ChartSpan& span) const {
    const std::string when = fmt::format("starts at {}, takes {}", time_text(span.from), time_text(span.seconds()));
    if (span.sign == ChartSign::idle) return fmt::format("idle: {}\n{}", idle_name(span.idle_cause), when);
    if (span.instruction < 0) return fmt::format("step's end: {}\n{}", sign_name(span.sign), when);
    const ReplayedInstruction& each =
        input_.replayed.ranks[lane.place].instructions[static_cast<std::size_t>(span.instruction)];
    const auto& [first, overlapped] = each.instruction;
    return fmt::format("{}: {}\n{}{}\n{}: work {}, waits {}", to_string(each.instruction), sign_name(span.sign),
                       stage_of(lane, first), overlapped ? "; " + stage_of(lane, *overlapped) : "", when,
                       time_text(each.work), time_text(std::max(0.0, each.end - each.start - each.work)));
  }

  void rect(std::string_view of_class, const ChartSpan& span, double y, double height) {
    put("<rect class=\"{}\" x=\"{:.3f}%\" width=\"{:.3f}%\" y=\"{:.0f}\" height=\"{:.0f}\"/>", of_class,
        percent(span.from), std::max(0.001, percent(span.seconds())), y, height);
  }

  void spans(const ChartLane& lane) {
    put("<svg class=\"lane\">");
    for (const ChartSpan& span : lane.spans) {
      put("<g><title>{}</title>", escaped(tooltip(lane, span)));
      const std::string tint = span.phase > 0 ? " q" : "";
      if (span.sign == ChartSign::overlapped) {
        rect(fmt::format("{}{}", sign_class(ChartSign::forward), tint), span, 0, lane_height / 2);
        const auto& both = input_.replayed.ranks[lane.place].instructions[static_cast<std::size_t>(span.instruction)];
        const bool other = both.instruction.overlapped->phase > 0;
        rect(fmt::format("{}{}", sign_class(ChartSign::backward), other ? " q" : ""), span, lane_height / 2,
             lane_height / 2);
      } else if (span.sign == ChartSign::idle) {
        rect(idle_class(span.idle_cause), span, 3, lane_height - 6);
      } else {
        rect(fmt::format("{}{}", sign_class(span.sign), tint), span, 0, lane_height);
      }
      if (span.instruction >= 0) number(lane, span);
      put("</g>\n");
    }
    put("</svg>\n");
  }

  void text_at(const ChartSpan& span, double y, const std::string& text) {
    const double pixels = span.seconds() / input_.replayed.step_seconds * width_;
    if (pixels < 7 * static_cast<double>(text.size()) + 2) return;
    put("<text x=\"{:.3f}%\" y=\"{:.0f}\">{}</text>", percent((span.from + span.to) / 2), y, text);
  }

  // Kind and microbatch, or the latter alone, where there is room.
  void number(const ChartLane& lane, const ChartSpan& span) {
    const auto& [first, overlapped] =
        input_.replayed.ranks[lane.place].instructions[static_cast<std::size_t>(span.instruction)].instruction;
    if (overlapped) {
      text_at(span, lane_height / 2 - 3, std::to_string(first.microbatch));
      text_at(span, lane_height - 3, std::to_string(overlapped->microbatch));
      return;
    }
    const double pixels = span.seconds() / input_.replayed.step_seconds * width_;
    const std::string name = short_name({first, {}});
    const bool fits = pixels >= 7 * static_cast<double>(name.size()) + 2;
    text_at(span, lane_height / 2 + 4, fits ? name : name.substr(1));
  }

  void legend() {
    std::array<bool, num_chart_signs> signs{};
    std::array<bool, num_idle_causes> causes{};
    bool other_phases = false;
    for (const ChartLane& lane : input_.lanes)
      for (const ChartSpan& span : lane.spans) {
        signs[static_cast<std::size_t>(span.sign)] = true;
        if (span.sign == ChartSign::idle) causes[static_cast<std::size_t>(span.idle_cause)] = true;
        other_phases = other_phases || span.phase > 0;
      }
    put("<p class=\"legend\">");
    for (std::size_t s = 0; s < num_chart_signs; ++s) {
      const auto sign = static_cast<ChartSign>(s);
      if (!signs[s] || sign == ChartSign::idle) continue;
      const auto key = sign == ChartSign::overlapped ? std::string("both") : std::string(sign_class(sign));
      std::string name(sign_name(sign));
      if (sign == ChartSign::overlapped) name = "forward and backward interleaved";
      put("<span><i class=\"{}\"></i>{}</span> ", key, name);
    }
    if (other_phases) put("<span><i class=\"F q\"></i><i class=\"B q\"></i>the rank's other stages</span> ");
    for (std::size_t cause = 0; cause < num_idle_causes; ++cause)
      if (causes[cause])
        put("<span><i class=\"{}\"></i>idle: {}</span> ", idle_class(static_cast<Idle>(cause)),
            idle_name(static_cast<Idle>(cause)));
    put("</p>\n");
    put("<p class=\"note\">Under each lane: activations once an instruction is over (saved, routed rows, others), of "
        "at "
        "most {}; the dot: the most there is while one runs.</p>\n",
        size_text(static_cast<double>(most_live_)));
  }

  const PageInput& input_;
  double width_ = 0;
  std::int64_t most_live_ = 0;
  std::string html_;
};

}  // namespace

std::string_view sign_class(ChartSign sign) {
  constexpr EnumNames<ChartSign, num_chart_signs> classes({{ChartSign::forward, "F"},
                                                           {ChartSign::backward, "B"},
                                                           {ChartSign::backward_input, "I"},
                                                           {ChartSign::weight, "W"},
                                                           {ChartSign::overlapped, "both"},
                                                           {ChartSign::reduce, "R"},
                                                           {ChartSign::update, "U"},
                                                           {ChartSign::gather, "G"},
                                                           {ChartSign::idle, "idle"}});
  return classes[sign];
}

std::string idle_class(Idle cause) { return fmt::format("idle-{}", idle_name(cause)); }

std::string page_lanes(const PageInput& input) { return LanesWriter(input).html(); }

}  // namespace dsrun
