// Checks of what one host, or one machine that stands for several, has and allows.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cluster/hosts/diagnose_checks.hpp"
#include "cluster/report/chart/units.hpp"

namespace dsrun {
namespace {

constexpr double clock_limit_secs = 1;
constexpr double certificate_limit_secs = 24 * 3600;  // as job_authority.cpp dates certificates back

// Of a job with processes, counted in /proc/PID/fd and /proc/PID/task and in /dev/shm: a device has 24 files open and
// one more for each peer over tcp, 11 threads and 4.1 MiB of shared memory; an agent 16 files, 3 more for each device,
// and 10 threads. The files that a job reads and writes are not in it.
constexpr int files_of_its_own = 64;
constexpr int files_a_device = 3;
constexpr int threads_a_device = 11;
constexpr int threads_of_agent = 10;
constexpr double shm_bytes_a_device = 4.25 * (1 << 20);
constexpr double shm_bytes_left = 64 << 20;  // UcxOptions::min_shm_bytes: with less a device keeps out of it

// The soft limit, unless it is what nobody can raise.
std::string raise(const char* option, std::int64_t wanted, bool hard) {
  return hard ? fmt::format("raise the hard limit in limits.conf (or the container's) to {}, then ulimit -{} {}",
                            wanted, option, wanted)
              : fmt::format("ulimit -{} {} before dsrun starts there", option, wanted);
}

}  // namespace

std::string check_reached(Diagnosis& d) {
  for (const HostReport& report : d.reports) {
    if (report.fault.empty() || (!report.build.empty() && report.build != d.needs.build)) continue;
    d.fail(report.host, "not examined: " + report.fault,
           "start dsrun agent there by hand, as the job's launcher does, and see what it says");
  }
  return fmt::format("{} of {} examined", d.examined.size(), d.reports.size());
}

std::string check_build(Diagnosis& d) {
  for (const HostReport& report : d.reports)
    if (!report.build.empty() && report.build != d.needs.build)
      d.fail(report.host, fmt::format("has dsrun {}, the launcher {}", report.build, d.needs.build),
             "install the launcher's dsrun there, or name it in [cluster.ssh] program");
  return d.examined.empty() ? "" : fmt::format("dsrun {} everywhere", d.needs.build);
}

std::string check_clock(Diagnosis& d) {
  double most = 0;
  for (const HostReport* report : d.examined) {
    const ClockReading& clock = report->clock;
    if (clock.error_secs < 0) {
      d.warn(report->host, "its clock was not read: it answered no question about the time in time", "");
      continue;
    }
    most = std::max(most, std::abs(clock.offset_secs) + clock.error_secs);
    const double apart = std::abs(clock.offset_secs) - clock.error_secs;  // at least
    if (apart <= clock_limit_secs) continue;
    const std::string what = fmt::format("its clock is {} {} the launcher's", time_text(std::abs(clock.offset_secs)),
                                         clock.offset_secs > 0 ? "ahead of" : "behind");
    const std::string mend = "let chrony, ntpd or systemd-timesyncd set the clocks of all hosts";
    if (apart > certificate_limit_secs)
      d.fail(report->host, what + ": the job's certificates are not valid there yet, or no more", mend);
    else
      d.warn(report->host, what + ": times of files and events will not agree", mend);
  }
  return d.examined.empty() ? "" : fmt::format("all within {} of the launcher's", time_text(most));
}

std::string check_cores(Diagnosis& d) {
  if (!d.needs.has_job) return "";
  for (const Diagnosis::Machine& machine : d.machines) {
    const int wanted = machine.devices * d.needs.threads_per_device;
    const double granted = machine.report->limits.group_cores;
    const double cores = granted > 0 ? std::min<double>(machine.report->cores, granted) : machine.report->cores;
    if (wanted <= cores) continue;
    d.warn(machine.hosts,
           fmt::format("{} devices of {} threads share {:.3g} cores{}", machine.devices, d.needs.threads_per_device,
                       cores, granted > 0 && granted < machine.report->cores ? " that the control group grants" : ""),
           "fewer devices on this host, or fewer cluster.threads_per_device");
  }
  return d.machines.empty() ? "" : "one or more for every thread of every device";
}

std::string check_bf16(Diagnosis& d) {
  if (!d.needs.wants_bf16) return "";
  const auto without =
      std::count_if(d.examined.begin(), d.examined.end(), [](const HostReport* report) { return !report->has_bf16; });
  if (without == 0) return d.examined.empty() ? "" : "every processor has it";
  if (without == std::ssize(d.examined)) {
    d.warn("", "no processor has bf16 instructions: the job will compute in fp32", "precision.compute = \"fp32\"");
    return "";
  }
  for (const HostReport* report : d.examined)
    if (!report->has_bf16)
      d.fail(report->host, "its processor has no bf16 instructions, others have",
             "leave this host out, or precision.compute = \"fp32\"");
  return "";
}

std::string check_memory(Diagnosis& d) {
  if (!d.needs.has_job) return "";
  double share = 0;
  for (const Diagnosis::Machine& machine : d.machines) {
    const auto available = static_cast<double>(machine.report->available_bytes);
    const auto needed = static_cast<double>(machine.num_bytes);
    share = std::max(share, needed / std::max(1.0, available));
    if (needed > available)
      d.fail(
          machine.hosts,
          fmt::format("its devices need {} at their peak, {} are available", size_text(needed), size_text(available)),
          "dsrun plan shows where it goes, and what would help");
  }
  return d.machines.empty() ? "" : fmt::format("the job needs at most {} of what is available", percent_text(share));
}

std::string check_shared_memory(Diagnosis& d) {
  if (!d.wants_shared_memory()) return "";
  double least = -1;
  for (const Diagnosis::Machine& machine : d.machines) {
    const auto free = static_cast<double>(machine.report->free_shm_bytes);
    const double needed = shm_bytes_left + shm_bytes_a_device * machine.devices;
    least = least < 0 ? free : std::min(least, free);
    if (free >= needed) continue;
    const std::string mend = fmt::format(
        "mount -o remount,size={}M /dev/shm (docker run --shm-size; in Kubernetes an "
        "emptyDir of medium Memory)",
        std::ceil(needed / (1 << 20)));
    if (machine.report->shm_bytes < 0)
      d.warn(machine.hosts, "there is no /dev/shm: devices of this host talk by slower ways", mend);
    else
      d.fail(machine.hosts,
             fmt::format("{} free of {}, its {} devices want {}: the kernel kills who writes to a full one",
                         size_text(free), size_text(static_cast<double>(machine.report->shm_bytes)), machine.devices,
                         size_text(needed)),
             mend);
  }
  return d.machines.empty() ? "" : fmt::format("at least {} free", size_text(least));
}

std::string check_cma(Diagnosis& d) {
  if (!d.wants_shared_memory()) return "";
  for (const Diagnosis::Machine& machine : d.machines) {
    const std::vector<std::string>& offered = machine.report->transports;
    if (offered.empty() || std::find(offered.begin(), offered.end(), "cma") != offered.end()) continue;
    const int scope = machine.report->ptrace_scope;
    d.warn(machine.hosts,
           scope > 0 ? fmt::format("kernel.yama.ptrace_scope = {} keeps processes from reading each other's memory: "
                                   "shared memory copies twice",
                                   scope)
                     : std::string("UCX does not offer cma here: shared memory copies twice"),
           scope > 0 ? "sysctl kernel.yama.ptrace_scope=0 (1 does as well)"
                     : "allow process_vm_readv (docker run --cap-add SYS_PTRACE, or another seccomp profile)");
  }
  return d.machines.empty() ? "" : "processes of a host read each other's memory at once";
}

std::string check_open_files(Diagnosis& d) {
  std::int64_t wanted_most = 0;
  for (const HostReport* report : d.examined) {
    const auto node = static_cast<std::size_t>(report->node);
    const int devices = node < d.needs.nodes.size() ? d.needs.nodes[node].devices : 0;
    const std::int64_t wanted = files_of_its_own + std::max(d.needs.world, files_a_device * devices);
    const LimitReport& limits = report->limits;
    wanted_most = std::max(wanted_most, wanted);
    if (limits.open_files < 0 || limits.open_files >= wanted) continue;
    d.fail(report->host,
           fmt::format("{} open files a process, a job of {} ranks wants {}", limits.open_files, d.needs.world, wanted),
           raise("n", wanted, limits.most_open_files >= 0 && limits.most_open_files < wanted));
  }
  return d.examined.empty() ? "" : fmt::format("every limit is above the {} that a process may want", wanted_most);
}

std::string check_processes(Diagnosis& d) {
  for (const Diagnosis::Machine& machine : d.machines) {
    const std::int64_t wanted =
        threads_of_agent + std::int64_t{machine.devices} * (threads_a_device + d.needs.threads_per_device - 1);
    const LimitReport& limits = machine.report->limits;
    const auto falls_short = [&](std::int64_t limit) { return limit >= 0 && limit < wanted; };
    if (falls_short(limits.processes))
      d.fail(machine.hosts,
             fmt::format("{} processes and threads of a user, its devices want {}", limits.processes, wanted),
             raise("u", 2 * wanted, false));
    if (falls_short(limits.group_processes))
      d.fail(machine.hosts,
             fmt::format("{} processes and threads in the control group, its devices want {}", limits.group_processes,
                         wanted),
             "raise pids.max (docker run --pids-limit; systemd TasksMax)");
  }
  return d.machines.empty() ? "" : "limits leave room for every device's threads";
}

std::string check_locked_memory(Diagnosis& d) {
  constexpr std::int64_t enough = std::int64_t{1} << 30;
  bool asked = false;
  for (const HostReport* report : d.examined) {
    const bool registers = std::any_of(report->transports.begin(), report->transports.end(), [](const auto& name) {
      return name.starts_with("rc") || name.starts_with("dc") || name.starts_with("ud");
    });
    if (!registers) continue;
    asked = true;
    const std::int64_t limit = report->limits.locked_bytes;
    if (limit >= 0 && limit < enough)
      d.warn(report->host,
             fmt::format("{} of locked memory: InfiniBand pins what it sends", size_text(static_cast<double>(limit))),
             "ulimit -l unlimited before dsrun starts there (limits.conf: memlock)");
  }
  return asked ? "enough for InfiniBand" : "";
}

}  // namespace dsrun
