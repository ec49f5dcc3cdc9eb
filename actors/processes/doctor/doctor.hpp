// Examines the hosts of a job without starting it. The job's own launcher starts an agent on each host; agents report
// to a gate, with the same kind of certificates as a job's.
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
  std::string folder;              // the run's, or the part of its path that exists; "": there is no job
  std::vector<std::string> files;  // of the job, absolute
  std::string invitation_file;     // launcher = "wait"
  std::function<void(const std::string& line)> say;
  std::function<void(std::size_t link, std::size_t num_links)> on_measured;  // one after the other, from 1
  // Called once at the start with a function that ends the examination early; any thread may call that function.
  std::function<void(std::function<void()> stop)> on_started;
};

struct Examination {
  std::string build;                // the launcher's
  std::vector<HostReport> reports;  // by node
  std::vector<LinkMeasure> links;   // inside hosts, then between them
  std::vector<FileReport> files;    // as the launcher sees them
  bool can_write_folder = true;     // whether the launcher itself can
};

// Ends within bounds of time whatever hosts do, and stops all that it started. A host that cannot be examined has a
// report that says why. Afterwards the process must end by end_process(): connections and their threads still exist.
Examination examine_cluster(const DoctorOptions& options);

}  // namespace dsrun
