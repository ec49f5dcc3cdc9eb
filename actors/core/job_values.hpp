// What coordinator and devices send each other besides rounds (runtime/device/protocol.hpp), as plain values.
// actors/messages/job.hpp sends them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/device/message.hpp"

namespace dsrun {

// Device → coordinator: its parameters are in place.
struct Ready {
  int rank = 0;
};

// To every device: write your shard of the state after `step` steps.
struct SaveOrder {
  std::int64_t step = 0;
};
struct ShardSaved {
  int rank = 0;
  std::int64_t step = 0;
  std::string description;  // the manifest's entry for this shard, JSON
};

// To every device: say what you wait for.
struct WaitsRequest {};
// No waits: the device is computing, or between rounds.
struct WaitsReport {
  int rank = 0;
  std::vector<Tag> waits;
  std::string where;  // the op it last began
};

// To every device: nothing more will come.
struct StopOrder {};

}  // namespace dsrun
