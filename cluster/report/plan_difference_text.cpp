#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/report/chart/units.hpp"
#include "cluster/report/plan_difference.hpp"
#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

constexpr std::string_view green = "32", yellow = "33", red = "31", plain = "";

std::string painted(bool colour, std::string_view code, const std::string& text) {
  return colour && !code.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string marked(bool colour, char mark) {
  return painted(colour, mark == '+' ? green : mark == '-' ? red : yellow, std::string(1, mark));
}

// As the job file has it, a long array from its beginning.
std::string value_text(const nlohmann::json& value) {
  constexpr std::size_t longest = 48;  // characters
  const std::string text = printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (num_characters(text) <= longest) return text;
  std::size_t end = 0;
  for (std::size_t character = 0; character + 2 < longest; ++character)
    end += std::max<std::size_t>(character_length(text, end), 1);
  return text.substr(0, end) + "…";
}

std::string line_of(const KeyChange& key, bool colour) {
  std::string values = key.mark() == '+'   ? value_text(key.after)
                       : key.mark() == '-' ? value_text(key.before)
                                           : value_text(key.before) + " -> " + value_text(key.after);
  return fmt::format("  {} {}: {}\n", marked(colour, key.mark()), printable(key.path), values);
}

std::string figure_text(FigureUnit unit, double value) {
  switch (unit) {
    case FigureUnit::seconds:
      return time_text(value);
    case FigureUnit::share:
      return percent_text(value);
    case FigureUnit::bytes:
      return size_text(value);
    case FigureUnit::number:
      break;
  }
  return value < 1e5 && value == std::floor(value) ? fmt::format("{:.0f}", value) : count_text(value);
}

// Shares change by points: a twelfth of 12 % is no news.
std::string change_of(const PlanFigure& figure) {
  if (figure.unit != FigureUnit::share) return change_text(figure.before, figure.after);
  const double points = 100 * (figure.after - figure.before);
  return fmt::format("{}{:.1f} points", points < 0 ? "−" : "+", std::abs(points));
}

std::string figure_lines(const std::vector<PlanFigure>& figures, bool colour) {
  std::size_t label = 0, before = 0, after = 0;
  for (const PlanFigure& figure : figures) {
    if (!figure.changed()) continue;
    label = std::max(label, num_characters(figure.label));
    before = std::max(before, num_characters(figure_text(figure.unit, figure.before)));
    after = std::max(after, num_characters(figure_text(figure.unit, figure.after)));
  }
  std::string text;
  for (const PlanFigure& figure : figures) {
    if (!figure.changed()) continue;
    const char mark = figure.before == 0 ? '+' : figure.after == 0 ? '-' : '~';
    const int direction = figure.better * (figure.after > figure.before ? 1 : -1);
    const std::string_view code = direction > 0 ? green : direction < 0 ? red : plain;
    const std::string to = figure_text(figure.unit, figure.after), change = change_of(figure);
    text += fmt::format("  {} {:<{}}  {:>{}} -> {}", marked(colour, mark), figure.label, label,
                        figure_text(figure.unit, figure.before), before, to);
    if (!change.empty()) text += std::string(after - num_characters(to) + 2, ' ') + painted(colour, code, change);
    text += '\n';
  }
  return text;
}

}  // namespace

std::string to_string(const PlanDifference& difference, bool colour) {
  std::string text = fmt::format("{} -> {}\n", printable(difference.before), printable(difference.after));
  if (difference.none()) return text + "no difference\n";
  text += difference.keys.empty() ? "no key of the job file differs\n" : "keys of the job file\n";
  for (const KeyChange& key : difference.keys) text += line_of(key, colour);
  text += "what comes of them, of memory the most that a rank has, of what is sent a step's\n";
  text += figure_lines(difference.figures, colour);
  std::string unchanged;
  for (const PlanFigure& figure : difference.figures)
    if (!figure.changed() && figure.before != 0)
      unchanged += fmt::format("{}{}", unchanged.empty() ? "" : ", ", figure.label);
  return unchanged.empty() ? text : text + "the same within 0.05 %: " + unchanged + '\n';
}

}  // namespace dsrun
