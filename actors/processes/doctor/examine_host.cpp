#include "actors/processes/doctor/examine_host.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include "actors/processes/net/job_authority.hpp"
#include "actors/processes/net/own_address.hpp"
#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/machine/control_group.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/memory/memory.hpp"
#include "runtime/transport/ucx/ucx_offer.hpp"

namespace dsrun {
namespace {

std::int64_t limit_of(decltype(RLIMIT_NOFILE) kind, bool hard = false) {
  rlimit limit{};
  if (getrlimit(kind, &limit) != 0) return -1;
  const rlim_t value = hard ? limit.rlim_max : limit.rlim_cur;
  return value == RLIM_INFINITY ? -1 : static_cast<std::int64_t>(value);
}

LimitReport examine_limits() {
  constexpr std::int64_t no_memory_limit = std::int64_t{1} << 60;  // version 1 says "none" by a large number
  LimitReport limits;
  limits.open_files = limit_of(RLIMIT_NOFILE);
  limits.most_open_files = limit_of(RLIMIT_NOFILE, true);
  limits.locked_bytes = limit_of(RLIMIT_MEMLOCK);
  limits.processes = limit_of(RLIMIT_NPROC);
  limits.group_memory_bytes =
      lowest_limit(group_folders("memory"), {"memory.max", "memory.limit_in_bytes"}, no_memory_limit);
  limits.group_cores = cores_granted_by(group_folders("cpu"));
  limits.group_processes = lowest_limit(group_folders("pids"), {"pids.max"}, no_memory_limit);
  return limits;
}

std::vector<std::string> processor_features() {
  constexpr std::array wanted = {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16"};
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
    std::vector<std::string> found;
    for (const char* each : wanted)
      if (std::find(all.begin(), all.end(), each) != all.end()) found.emplace_back(each);
    return found;
  }
  return {};
}

std::int64_t memory_of_machine() { return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE); }

std::vector<InterfaceReport> examine_interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<InterfaceReport> interfaces;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    constexpr unsigned carries = IFF_UP | IFF_RUNNING;
    auto found = std::find_if(interfaces.begin(), interfaces.end(),
                              [&](const InterfaceReport& other) { return other.name == each->ifa_name; });
    if (found == interfaces.end()) {
      const std::string folder = fmt::format("/sys/class/net/{}/", each->ifa_name);
      found = interfaces.insert(interfaces.end(),
                                InterfaceReport{each->ifa_name, "", (each->ifa_flags & carries) == carries,
                                                read_value(folder + "mtu", 0), read_value(folder + "speed", -1)});
    }
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET || !found->address.empty()) continue;
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr, text, sizeof text);
    found->address = text;
  }
  return interfaces;
}

// By writing: what permissions say is not all. The file has no name, so that nothing is left if this process is killed.
bool can_write(const std::string& folder) {
  int file = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) {  // not every file system knows how
    std::string name = folder + "/.dsrun-doctor-XXXXXX";
    file = mkostemp(name.data(), O_CLOEXEC);
    if (file >= 0) unlink(name.c_str());
  }
  if (file < 0) return false;
  const bool written = write(file, "x", 1) == 1;
  close(file);
  return written;
}

FolderReport examine_folder(const Examine& asked) {
  FolderReport report;
  report.path = asked.folder;
  struct stat status {};
  if (stat(asked.folder.c_str(), &status) != 0)
    report.fault = std::strerror(errno);
  else if (!S_ISDIR(status.st_mode))
    report.fault = "not a folder";
  if (!report.fault.empty()) return report;
  struct statvfs space {};
  if (statvfs(asked.folder.c_str(), &space) == 0)
    report.free_bytes = static_cast<std::int64_t>(std::uint64_t{space.f_bavail} * space.f_frsize);
  report.can_write = can_write(asked.folder);
  std::string text;
  std::ifstream mark(asked.folder + "/" + asked.mark);
  // Where the launcher could write no mark, nothing can be told; that it could not is told of its own host.
  report.is_shared = asked.mark.empty() || (std::getline(mark, text) && text == asked.mark_text);
  return report;
}

}  // namespace

HostReport examine_host(const Examine& asked) {
  HostReport report;
  report.node = asked.node;
  report.host = asked.host;
  report.own_name = own_host_name();
  report.machine = read_value<std::string>("/proc/sys/kernel/random/boot_id", report.own_name);
  report.build = asked.build;
  utsname system{};
  if (uname(&system) == 0) report.kernel = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  report.processor = processor_name();
  report.features = processor_features();
  report.has_bf16 = backend_for(cpu_kind).computes_in(Precision::bf16);
  report.cores = num_cores();
  report.memory_bytes = memory_of_machine();
  report.available_bytes = available_memory_bytes();
  struct statvfs shm {};
  if (statvfs("/dev/shm", &shm) == 0) {
    report.shm_bytes = static_cast<std::int64_t>(std::uint64_t{shm.f_blocks} * shm.f_frsize);
    report.free_shm_bytes = static_cast<std::int64_t>(std::uint64_t{shm.f_bavail} * shm.f_frsize);
  }
  report.limits = examine_limits();
  report.ptrace_scope = read_value("/proc/sys/kernel/yama/ptrace_scope", -1);
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> report.first_port >> report.last_port;
  if (!asked.folder.empty()) report.folder = examine_folder(asked);
  for (const std::string& file : asked.files) report.files.push_back(examine_file(file));
  report.interfaces = examine_interfaces();
  UcxOffer offer = ucx_offer();
  report.ucx_version = std::move(offer.version);
  report.transports = std::move(offer.transports);
  return report;
}

FileReport examine_file(const std::string& path) {
  FileReport report{path};
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not wait for its writer
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0)
    report.fault = std::strerror(errno);
  else if (S_ISDIR(status.st_mode))
    report.num_bytes = 0;  // a model's folder
  else if (!S_ISREG(status.st_mode))
    report.fault = "not a regular file";
  else
    report.num_bytes = status.st_size;
  if (file >= 0) close(file);
  return report;
}

FolderMark::FolderMark(const std::string& folder) {
  if (folder.empty()) return;
  for (const char byte : random_secret(16)) text_ += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  std::string name = folder + "/.dsrun-doctor-XXXXXX";
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return;
  const bool written = write(file, text_.data(), text_.size()) == static_cast<ssize_t>(text_.size());
  fsync(file);  // over NFS others see it from now on
  close(file);
  path_ = name;
  if (written) name_ = name.substr(name.rfind('/') + 1);
}

FolderMark::~FolderMark() {
  if (!path_.empty()) unlink(path_.c_str());
}

std::string existing_part(const std::string& folder) {
  std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  std::error_code ignored;
  while (path.has_relative_path() && !std::filesystem::exists(path, ignored)) path = path.parent_path();
  return path.string();
}

}  // namespace dsrun
