// What `dsrun doctor` prints: tables of hosts and links, then findings, for people or for programs.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cluster/hosts/diagnose.hpp"

namespace dsrun {

struct DoctorReport {
  std::string build;  // the launcher's
  std::vector<HostReport> hosts;
  std::vector<LinkMeasure> links;
  std::vector<Finding> findings;
};

// At most 80 columns where names allow it.
std::string doctor_text(const DoctorReport& report, bool colour);
nlohmann::json doctor_json(const DoctorReport& report);

}  // namespace dsrun
