// Examines the hosts of a job: agents get there by the job's own launcher and report to a gate with the job's kind of
// certificates; no job is started.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/hosts/host_report.hpp"
#include "dsl/specs/cluster.hpp"

namespace dsrun {

struct DoctorOptions {
  std::string job;  // its name
  ClusterSpec cluster;
  std::string folder;              // the run's, or what is there of its path; "": there is no job
  std::vector<std::string> files;  // of the job, absolute
  std::string invitation_file;     // launcher = "wait"
  std::function<void(const std::string& line)> say;
  std::function<void(std::size_t link, std::size_t num_links)> on_measured;  // one after the other, from 1
  // Called once at the start with what ends the examination early, from any thread.
  std::function<void(std::function<void()> stop)> on_started;
};

struct Examination {
  std::string build;                // the launcher's
  std::vector<HostReport> reports;  // by node
  std::vector<LinkMeasure> links;   // inside hosts, then between them
  std::vector<FileReport> files;    // as the launcher sees them
  bool can_write_folder = true;     // the launcher itself
};

// Within bounds of time whatever hosts do; what was started is stopped. A host that cannot be examined has a report
// that says why. Afterwards end_process() is the only way out: connections and threads that serve them are left.
Examination examine_cluster(const DoctorOptions& options);

}  // namespace dsrun
