// Finds what is wrong with hosts from what was measured on them, and says what would mend it. The functions are pure,
// so that tests can make up reports.
//
// To add a check, write a function in diagnose_host.cpp or diagnose_links.cpp, declare it in diagnose_checks.hpp, and
// add its row to the table of diagnose.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/hosts/host_report.hpp"

namespace dsrun {

enum class Severity : std::uint8_t { ok, warn, fail };
std::string_view severity_name(Severity severity);

struct Finding {
  Severity severity = Severity::ok;
  std::string check;  // "clock", "open files"
  std::string host;   // as the job file calls it; "": all
  std::string what;
  std::string mend;  // "": nothing to do
};

// What a job needs of each host, by node. Without a job: what every job needs of this machine.
struct HostNeeds {
  int devices = 0;
  std::int64_t num_bytes = 0;  // planned for its devices together
};
struct JobNeeds {
  bool has_job = false;
  std::string build;             // the launcher's
  std::vector<HostNeeds> nodes;  // by node
  int world = 0;
  bool in_processes = true;  // isolation = "process"
  int threads_per_device = 1;
  bool wants_bf16 = false;          // precision.compute = "bf16"
  std::string interface;            // [cluster.network]
  std::string transports;           // …
  std::vector<FileReport> files;    // as the launcher sees them, in the reports' order
  bool launcher_can_write = true;   // to the run folder
  std::vector<std::string> faults;  // found at the launcher: a pattern without a file
};

// Returns the worst findings first. A check that finds no fault says what is right. Reports are in order of node.
std::vector<Finding> diagnose(const std::vector<HostReport>& reports, const std::vector<LinkMeasure>& links,
                              const JobNeeds& needs);

// How LinkMeasure::fault begins where a host has no process to measure with.
inline constexpr const char* fault_without_probes = "no probes on ";

bool any_failed(const std::vector<Finding>& findings);

}  // namespace dsrun
