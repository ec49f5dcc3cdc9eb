#include "cluster/report/chart/units.hpp"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace dsrun {
namespace {

// Three significant figures without an exponent.
std::string three_figures(double value) {
  const double size = std::abs(value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

template <std::size_t size>
std::string scaled(double value, double base, const std::array<std::string_view, size>& units) {
  std::size_t unit = 0;
  while (unit + 1 < size && std::abs(value) >= 0.9995 * base) {
    value /= base;
    ++unit;
  }
  const bool whole = unit == 0 && value == std::floor(value);
  const std::string digits = whole ? fmt::format("{:.0f}", value) : three_figures(value);
  return units[unit].empty() ? digits : fmt::format("{} {}", digits, units[unit]);
}

}  // namespace

std::string time_text(double seconds) {
  if (seconds == 0) return "0 s";
  if (seconds >= 0.9995) return three_figures(seconds) + " s";
  return scaled(seconds * 1e9, 1e3, std::array<std::string_view, 4>{"ns", "µs", "ms", "s"});
}

std::string tick_text(double seconds, double whole) {
  if (seconds == 0) return "0";
  const auto [factor, unit] = whole >= 1      ? std::pair{1.0, "s"}
                              : whole >= 1e-3 ? std::pair{1e3, "ms"}
                              : whole >= 1e-6 ? std::pair{1e6, "µs"}
                                              : std::pair{1e9, "ns"};
  return fmt::format("{:.6g} {}", seconds * factor, unit);
}

std::string size_text(double num_bytes) {
  return scaled(num_bytes, 1024, std::array<std::string_view, 6>{"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string count_text(double count) {
  return scaled(count, 1e3, std::array<std::string_view, 6>{"", "k", "M", "G", "T", "P"});
}

std::string percent_text(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string change_text(double before, double after) {
  if (before == 0 || after == 0 || !std::isfinite(after / before)) return "";
  const double change = after / before - 1;
  if (change >= 2) return fmt::format("×{}", three_figures(after / before));
  const double percent = std::abs(100 * change);
  return fmt::format("{}{} %", change < 0 ? "−" : "+",
                     percent >= 9.95 ? fmt::format("{:.0f}", percent) : fmt::format("{:.1f}", percent));
}

}  // namespace dsrun
