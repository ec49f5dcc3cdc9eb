#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster/report/chart/units.hpp"
#include "dsrun/verbs/text/doctor_report.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t most_links_told = 40;

std::string bytes_or_none(std::int64_t num_bytes) {
  return num_bytes < 0 ? "none" : size_text(static_cast<double>(num_bytes));
}

std::string limit_text(std::int64_t limit) { return limit < 0 ? "no limit" : fmt::format("{}", limit); }

std::string clock_text(const ClockReading& clock) {
  if (clock.error_secs < 0) return "not read";
  return fmt::format("{}{} ± {}", clock.offset_secs < 0 ? "-" : "+", time_text(std::abs(clock.offset_secs)),
                     time_text(clock.error_secs));
}

// Lines of at most `columns`, all but the first indented.
std::string wrapped(const std::string& first, const std::string& text, std::size_t indent) {
  std::string all = first, line;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > columns) {
      all += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return all + line + "\n";
}

std::string hosts_table(const DoctorReport& report) {
  std::string text =
      fmt::format("{:<20} {:>5} {:>10} {:>10} {:>9} {:>20}\n", "host", "cores", "memory", "/dev/shm", "files", "clock");
  for (const HostReport& host : report.hosts) {
    if (!host.fault.empty()) {
      text += fmt::format("{:<20} not examined\n", host.host);
      continue;
    }
    text += fmt::format("{:<20} {:>5} {:>10} {:>10} {:>9} {:>20}\n", host.host, host.cores,
                        size_text(static_cast<double>(host.available_bytes)), bytes_or_none(host.free_shm_bytes),
                        limit_text(host.limits.open_files), clock_text(host.clock));
  }
  return text +
         "memory and /dev/shm: what is free; files: what a process may open; clock: offset to the launcher's\n\n";
}

std::string interfaces_text(const HostReport& host) {
  std::string text;
  for (const InterfaceReport& each : host.interfaces) {
    if (!text.empty()) text += ", ";
    text += each.name + (each.address.empty() ? "" : " " + each.address) + (each.is_up ? "" : " (down)");
    if (each.speed_mbit_per_s > 0) text += fmt::format(" ({} Mbit/s)", each.speed_mbit_per_s);
  }
  return text;
}

std::string groups_text(const LimitReport& limits) {
  std::vector<std::string> parts;
  if (limits.group_memory_bytes >= 0)
    parts.push_back(size_text(static_cast<double>(limits.group_memory_bytes)) + " of memory");
  if (limits.group_cores >= 0) parts.push_back(fmt::format("{:.3g} cores", limits.group_cores));
  if (limits.group_processes >= 0) parts.push_back(fmt::format("{} processes", limits.group_processes));
  return parts.empty() ? "" : fmt::format("the control group grants {}", fmt::join(parts, ", "));
}

// What one machine is, once, whatever number of nodes it stands for.
std::string machines(const DoctorReport& report) {
  std::string text;
  std::set<std::string> told;
  for (const HostReport& host : report.hosts) {
    if (!host.fault.empty() || !told.insert(host.machine).second) continue;
    const auto line = [&](const std::string& words) {
      if (!words.empty()) text += wrapped("  ", words, 4);
    };
    text += host.own_name + "\n";
    line(fmt::format("{}; {}", host.kernel, size_text(static_cast<double>(host.memory_bytes)) + " of memory"));
    line(fmt::format("{} ({}{})", host.processor, fmt::join(host.features, " "),
                     host.has_bf16 ? "" : "; no bf16 products"));
    line(interfaces_text(host));
    line(fmt::format("UCX {}: {}", host.ucx_version, fmt::join(host.transports, " ")));
    line(fmt::format(
        "processes: {}; locked memory: {}; ports from {} to {}", limit_text(host.limits.processes),
        host.limits.locked_bytes < 0 ? "no limit" : size_text(static_cast<double>(host.limits.locked_bytes)),
        host.first_port, host.last_port));
    line(groups_text(host.limits));
    if (host.ptrace_scope >= 0) line(fmt::format("kernel.yama.ptrace_scope = {}", host.ptrace_scope));
  }
  return text.empty() ? "" : text + "\n";
}

std::string link_line(const DoctorReport& report, const LinkMeasure& link) {
  const auto host = [&](int node) { return report.hosts[static_cast<std::size_t>(node)].host; };
  const std::string name = link.from_node == link.to_node ? "inside " + host(link.from_node)
                                                          : host(link.from_node) + " - " + host(link.to_node);
  if (!link.fault.empty()) return fmt::format("{:<27} not measured\n", name);
  return fmt::format("{:<27} {:<18} {:>9} {:>11} {:>11}\n", name, link.transport, time_text(link.latency_secs),
                     fmt::format("{:.3g} GB/s", link.bytes_per_sec * 1e-9),
                     fmt::format("{:.3g} GB/s", link.bytes_per_sec_back * 1e-9));
}

std::string links_table(const DoctorReport& report) {
  if (report.links.empty()) return "";
  std::string text =
      fmt::format("{:<27} {:<18} {:>9} {:>11} {:>11}\n", "link", "transport", "latency", "there", "back");
  std::vector<LinkMeasure> links = report.links;
  if (links.size() > most_links_told) {
    const auto slower_way = [](const LinkMeasure& link) {
      return std::min(link.bytes_per_sec, link.bytes_per_sec_back);
    };
    std::stable_sort(links.begin(), links.end(),
                     [&](const LinkMeasure& a, const LinkMeasure& b) { return slower_way(a) < slower_way(b); });
    links.resize(most_links_told);
    text = fmt::format("the slowest {} of {} links\n", links.size(), report.links.size()) + text;
  }
  for (const LinkMeasure& link : links) text += link_line(report, link);
  return text + "\n";
}

std::string finding_text(const Finding& finding, bool colour) {
  constexpr EnumNames<Severity, 3> colours(
      {{Severity::ok, "\x1b[32m"}, {Severity::warn, "\x1b[33m"}, {Severity::fail, "\x1b[31m"}});
  const std::string_view name = severity_name(finding.severity);
  const std::string head =
      colour ? fmt::format("{}{:<4}\x1b[0m  ", colours[finding.severity], name) : fmt::format("{:<4}  ", name);
  std::string text = wrapped(
      head, fmt::format("{}: {}{}", finding.check, finding.host.empty() ? "" : finding.host + ": ", finding.what), 6);
  if (!finding.mend.empty()) text += wrapped("      > ", finding.mend, 8);
  return text;
}

}  // namespace

std::string doctor_text(const DoctorReport& report, bool colour) {
  std::string text = hosts_table(report) + machines(report) + links_table(report);
  std::array<int, 3> counts{};
  for (const Finding& finding : report.findings) {
    text += finding_text(finding, colour);
    ++counts[static_cast<std::size_t>(finding.severity)];
  }
  const auto [ok, warned, failed] = counts;
  return text + fmt::format("\n{} failed, {} warned, {} in order\n", failed, warned, ok);
}

}  // namespace dsrun
