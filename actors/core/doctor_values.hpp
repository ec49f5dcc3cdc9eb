// What the doctor, its examiners and its probes tell each other, as plain values. actors/messages/doctor.hpp sends
// them.
#pragma once

#include <string>
#include <vector>

#include "cluster/hosts/host_report.hpp"

namespace dsrun {

// Doctor → agent, which makes an examiner.
struct Examine {
  int node = 0;
  std::string host;                // as the job file calls it
  std::string build;               // the launcher's; the agent's was found to be the same
  std::string folder;              // the run's; "": there is no job
  std::string mark;                // name of a file that the launcher wrote there
  std::string mark_text;           // its content
  std::vector<std::string> files;  // of the job
  std::string interface;           // [cluster.network]
  std::string secret;              // of the data plane
  double limit_secs = 0;           // after which an agent that still lives ends itself
};

// Examiner → doctor: both probes of a host have started, or why they have not.
struct ProbesHere {
  int node = 0;
  std::string fault;  // "": they have
};
struct ProbeLost {
  int node = 0;
  std::string how;
};

// Doctor → examiner → probe: be one end of a link.
struct ProbeOrder {
  int link = 0;   // its number; later links have higher numbers
  int probe = 0;  // of the host that gets this order
  int end = 0;    // 0 measures, 1 answers
};
struct ProbeAddress {
  int link = 0;
  int end = 0;
  std::string address;  // of its UCX worker
};
struct ProbePeer {
  int link = 0;
  int probe = 0;
  std::string address;  // of the other end
};
struct LinkMeasured {
  int link = 0;
  LinkMeasure measure;  // a fault, or what was measured; the doctor fills in the hosts
};

}  // namespace dsrun
