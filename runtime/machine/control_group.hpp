// What the kernel's control groups grant this process: how containers and batch systems limit programs.
#pragma once

#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

namespace dsrun {

// The first value in a file of the kernel, or `otherwise`: where there is none, or "max".
template <class Value>
Value read_value(const std::string& file, Value otherwise) {
  std::ifstream in(file);
  Value value{};
  return in >> value ? value : otherwise;
}

// The folders of this process's control groups, from its own upwards; version 2's, else a controller's of version 1.
std::vector<std::string> group_folders(const char* controller);

// The lowest value in any of the files of these folders; those from `no_limit` on are none. −1: no limit.
std::int64_t lowest_limit(const std::vector<std::string>& folders, std::initializer_list<const char*> files,
                          std::int64_t no_limit);

// Processor time that may be used, in cores; −1: no limit.
double cores_granted_by(const std::vector<std::string>& folders);

}  // namespace dsrun
