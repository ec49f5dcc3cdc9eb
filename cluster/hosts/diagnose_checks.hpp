// The checks that diagnose() makes; for its own files alone.
#pragma once

#include <string>
#include <vector>

#include "cluster/hosts/diagnose.hpp"

namespace dsrun {

// The input of the checks, and the list to which they add their findings.
class Diagnosis {
 public:
  Diagnosis(const std::vector<HostReport>& all_reports, const std::vector<LinkMeasure>& all_links,
            const JobNeeds& job_needs);

  const std::vector<HostReport>& reports;
  const std::vector<LinkMeasure>& links;
  const JobNeeds& needs;
  std::vector<const HostReport*> examined;  // reports without a fault

  // Nodes on one kernel share its cores, memory and /dev/shm.
  struct Machine {
    const HostReport* report;  // of its first node
    std::string hosts;         // "localhost-0, localhost-1"
    int devices = 0;
    std::int64_t num_bytes = 0;
  };
  std::vector<Machine> machines;

  bool wants_shared_memory() const;  // some devices would use shared memory if it is available
  const HostReport& of_node(int node) const { return reports[static_cast<std::size_t>(node)]; }

  void start(const char* check) { check_ = check; }
  void warn(const std::string& host, std::string what, std::string mend) { add(Severity::warn, host, what, mend); }
  void fail(const std::string& host, std::string what, std::string mend) { add(Severity::fail, host, what, mend); }
  std::vector<Finding> findings;

 private:
  void add(Severity severity, const std::string& host, std::string& what, std::string& mend) {
    findings.push_back({severity, check_, host, std::move(what), std::move(mend)});
  }
  const char* check_ = "";
};

// Each adds its findings. Without any it returns what is right; "": it has nothing to say.
std::string check_reached(Diagnosis& d);
std::string check_build(Diagnosis& d);
std::string check_clock(Diagnosis& d);
std::string check_cores(Diagnosis& d);
std::string check_bf16(Diagnosis& d);
std::string check_memory(Diagnosis& d);
std::string check_shared_memory(Diagnosis& d);
std::string check_cma(Diagnosis& d);
std::string check_open_files(Diagnosis& d);
std::string check_processes(Diagnosis& d);
std::string check_locked_memory(Diagnosis& d);
std::string check_ports(Diagnosis& d);
std::string check_folder(Diagnosis& d);
std::string check_data(Diagnosis& d);
std::string check_interface(Diagnosis& d);
std::string check_transports(Diagnosis& d);
std::string check_links(Diagnosis& d);
std::string check_speed(Diagnosis& d);

}  // namespace dsrun
