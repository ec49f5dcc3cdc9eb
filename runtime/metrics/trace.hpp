// TraceWriter: what every device did and when, in Chrome's trace format (chrome://tracing, Perfetto).
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/device/device_core.hpp"

namespace dsrun {

// A process per rank, a thread per lane: program (its instructions), compute, exchange, optimizer, idle and, of an
// emulated link, wires (messages from when they leave to when they arrive). Thread-safe; valid JSON once finished.
class TraceWriter {
 public:
  explicit TraceWriter(const std::string& path);  // throws StorageError when it cannot write
  void add(int rank, const DeviceSpan& span);
  void finish();  // once, after the last add(); throws StorageError if anything could not be written

 private:
  void write(const std::string& event);
  void name_rank(int rank);
  void name_lane(int rank, int lane);
  int wire_lane(int rank, const DeviceSpan& span);

  std::mutex mutex_;
  std::string path_;
  std::ofstream file_;
  bool first_ = true;
  std::set<int> named_;                                 // ranks whose lanes have names
  std::map<int, std::vector<std::int64_t>> wire_ends_;  // by rank, lane: when its last message arrives
  std::int64_t origin_ns_ = 0;
};

}  // namespace dsrun
