#include "runtime/machine/control_group.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace dsrun {

std::vector<std::string> group_folders(const char* controller) {
  std::vector<std::string> folders;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = names == ",,";
    if (!unified && names.find(fmt::format(",{},", controller)) == std::string::npos) continue;
    const std::string root = unified ? "/sys/fs/cgroup" : fmt::format("/sys/fs/cgroup/{}", controller);
    for (std::filesystem::path path = line.substr(second + 1); path.has_relative_path(); path = path.parent_path())
      folders.push_back(root + path.string());
    folders.push_back(root);
  }
  return folders;
}

std::int64_t lowest_limit(const std::vector<std::string>& folders, std::initializer_list<const char*> files,
                          std::int64_t no_limit) {
  std::int64_t lowest = -1;
  for (const std::string& folder : folders)
    for (const char* file : files) {
      const auto limit = read_value<std::int64_t>(folder + "/" + file, -1);
      if (limit >= 0 && limit < no_limit) lowest = lowest < 0 ? limit : std::min(lowest, limit);
    }
  return lowest;
}

double cores_granted_by(const std::vector<std::string>& folders) {
  double fewest = -1;
  for (const std::string& folder : folders) {
    double quota = -1, period = 0;
    std::ifstream both(folder + "/cpu.max");  // "max 100000": no limit
    if (!(both >> quota >> period)) {
      quota = read_value<double>(folder + "/cpu.cfs_quota_us", -1);
      period = read_value<double>(folder + "/cpu.cfs_period_us", 0);
    }
    if (quota > 0 && period > 0) fewest = fewest < 0 ? quota / period : std::min(fewest, quota / period);
  }
  return fewest;
}

}  // namespace dsrun
