#include "cluster/hosts/diagnose.hpp"

#include <algorithm>
#include <array>

#include "cluster/hosts/diagnose_checks.hpp"
#include "dsl/transports.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

struct Check {
  const char* name;
  std::string (*run)(Diagnosis& d);
};
// In the order in which they are told.
constexpr std::array checks = {Check{"hosts", check_reached},
                               Check{"build", check_build},
                               Check{"clock", check_clock},
                               Check{"cores", check_cores},
                               Check{"bf16", check_bf16},
                               Check{"memory", check_memory},
                               Check{"/dev/shm", check_shared_memory},
                               Check{"cma", check_cma},
                               Check{"open files", check_open_files},
                               Check{"processes", check_processes},
                               Check{"locked memory", check_locked_memory},
                               Check{"ports", check_ports},
                               Check{"run folder", check_folder},
                               Check{"data", check_data},
                               Check{"interface", check_interface},
                               Check{"transports", check_transports},
                               Check{"links", check_links},
                               Check{"speed", check_speed}};

}  // namespace

std::string_view severity_name(Severity severity) {
  constexpr EnumNames<Severity, 3> names({{Severity::ok, "ok"}, {Severity::warn, "warn"}, {Severity::fail, "fail"}});
  return names[severity];
}

Diagnosis::Diagnosis(const std::vector<HostReport>& all_reports, const std::vector<LinkMeasure>& all_links,
                     const JobNeeds& job_needs)
    : reports(all_reports), links(all_links), needs(job_needs) {
  for (std::size_t node = 0; node < reports.size(); ++node) {
    const HostReport& report = reports[node];
    if (!report.fault.empty()) continue;
    examined.push_back(&report);
    auto found = std::find_if(machines.begin(), machines.end(),
                              [&](const Machine& machine) { return machine.report->machine == report.machine; });
    if (found == machines.end())
      found = machines.insert(machines.end(), {&report, report.host});
    else
      found->hosts += ", " + report.host;
    if (node >= needs.nodes.size()) continue;
    found->devices += needs.nodes[node].devices;
    found->num_bytes += needs.nodes[node].num_bytes;
  }
}

bool Diagnosis::wants_shared_memory() const {
  return needs.in_processes && may_share_memory(words_of_list(needs.transports)) &&
         (!needs.has_job ||
          std::any_of(machines.begin(), machines.end(), [](const Machine& machine) { return machine.devices > 1; }));
}

std::vector<Finding> diagnose(const std::vector<HostReport>& reports, const std::vector<LinkMeasure>& links,
                              const JobNeeds& needs) {
  Diagnosis d(reports, links, needs);
  for (const Check& check : checks) {
    d.start(check.name);
    const std::size_t before = d.findings.size();
    std::string right = check.run(d);
    if (d.findings.size() == before && !right.empty())
      d.findings.push_back({Severity::ok, check.name, "", std::move(right), ""});
  }
  std::stable_sort(d.findings.begin(), d.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return std::move(d.findings);
}

bool any_failed(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::fail; });
}

}  // namespace dsrun
