// [parallel]: how the work is divided among ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

// How a token's row reaches its experts: straight to every device that has one, or through one device of each node.
enum class Dispatch : std::uint8_t { automatic, direct, two_hop };

// [parallel]
struct ParallelSpec {
  int pipeline = 1;
  int data = 1;
  int expert = 1;                           // number of ranks of an expert group; divides data
  std::string schedule;                     // a name of runtime/schedule's table; "file": schedule_file has it
  int stages_per_rank = 0;                  // 0: the schedule decides
  std::string schedule_file{};              // relative to the job file's folder, absolute once launched; "": none
  std::string schedule_text{};              // text of that file, which may change or vanish; not a key
  Dispatch dispatch = Dispatch::automatic;  // dsl/two_hop.hpp
  bool overlap = true;  // F&B instructions interleave their two op lists; false: one after the other
  std::vector<int>
      layers_per_stage;  // by stage, summing to model.layers; empty: cluster/layout/stage_balance.hpp chooses
  bool from_file() const { return !schedule_file.empty(); }
  bool operator==(const ParallelSpec&) const = default;
};

}  // namespace dsrun
