// What `dsrun doctor` finds out about a host and about the way between two processes, as plain values.
// cluster/hosts/diagnose.hpp judges them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

// How far a host's wall clock is ahead of the launcher's. The true value lies within ± error_secs, which is half of the
// shortest round trip of several questions, as in NTP (RFC 5905, section 8).
struct ClockReading {
  double offset_secs = 0;
  double error_secs = -1;  // −1: not read
};

struct FileReport {
  std::string path;
  std::int64_t num_bytes = -1;  // −1: it cannot be read
  std::string fault{};          // why
};

// The folder in which a run's folder is or will be.
struct FolderReport {
  std::string path;
  bool is_shared = false;  // a file that the launcher wrote there is seen here, with its content
  bool can_write = false;
  std::int64_t free_bytes = 0;
  std::string fault{};  // why it cannot be used
};

struct InterfaceReport {
  std::string name;
  std::string address;        // IPv4; "": none
  bool is_up = false;         // and has a carrier
  int mtu = 0;                // bytes
  int speed_mbit_per_s = -1;  // as its driver reports it; −1: it does not
};

// −1: no limit.
struct LimitReport {
  std::int64_t open_files = -1;       // soft, of each process
  std::int64_t most_open_files = -1;  // hard: up to which a process may raise the soft limit
  std::int64_t locked_bytes = -1;
  std::int64_t processes = -1;           // threads of the user count as well
  std::int64_t group_memory_bytes = -1;  // of the control group
  double group_cores = -1;
  std::int64_t group_processes = -1;
};

struct HostReport {
  int node = 0;
  std::string host;      // as the job file calls it
  std::string fault{};   // why it was not examined; then the fields below are unknown, unless its agent sent them
  std::string own_name;  // as it calls itself
  std::string machine;   // the same for nodes on one kernel: the id of its boot
  std::string build;     // of dsrun there
  std::string kernel;
  std::string processor;
  std::vector<std::string> features;  // the processor's, as far as they matter here: "avx2", "avx512_bf16"
  bool has_bf16 = false;              // whether products in bf16 work
  int cores = 0;
  std::int64_t memory_bytes = 0, available_bytes = 0;
  std::int64_t shm_bytes = -1, free_shm_bytes = -1;  // of /dev/shm; −1: there is none
  ClockReading clock;
  LimitReport limits;
  int ptrace_scope = -1;              // kernel.yama.ptrace_scope; −1: this kernel does not restrict ptrace
  int first_port = 0, last_port = 0;  // range of ports that the kernel hands out: net.ipv4.ip_local_port_range
  FolderReport folder;                // without a path: there is no job
  std::vector<FileReport> files;      // the job's files, in its order
  std::vector<InterfaceReport> interfaces;
  std::string ucx_version;
  std::vector<std::string> transports;  // what UCX offers: "posix", "tcp/eth0"
};

// The way from one process to another, measured with both of them doing nothing else.
struct LinkMeasure {
  int from_node = 0, to_node = 0;  // if equal: two processes of one host
  std::string transport{};         // in UCX's words
  double latency_secs = 0;         // half a round trip of 8 bytes, the median
  double bytes_per_sec = 0;        // in messages of 4 MiB
  double bytes_per_sec_back = 0;
  std::string fault{};  // why it could not be measured
};

}  // namespace dsrun
