// Live bytes of activations over the time of a rank's Program. The planner applies the executor's rules to the same
// lists.
//
// Ranks of one pipeline index share a timeline. Bytes of T-row values are exact; bytes of R-row values are for the
// planned number of rows.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cluster/plan.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

enum class ActivationClass : std::uint8_t {
  saved,    // kept from forward to backward
  working,  // other values of T rows, those made again among them
  routed,   // values of R rows
};
inline constexpr std::size_t num_activation_classes = num_enumerators<ActivationClass>();
using ActivationBytes = std::array<std::int64_t, num_activation_classes>;  // by class

struct MemoryPoint {
  ActivationBytes live{};       // after the instruction
  ActivationBytes peak{};       // of each class while it ran
  std::int64_t peak_total = 0;  // of all together while it ran
};

struct MemoryTimeline {
  std::vector<MemoryPoint> points;  // by instruction of the rank's Program
  std::size_t peak_at = 0;          // the first instruction that reaches the highest peak_total
  ActivationBytes peak() const;     // of each class over the step; the peaks of two classes may be at different times
  std::int64_t peak_total() const { return points.empty() ? 0 : points[peak_at].peak_total; }
};

// By pipeline index.
std::vector<MemoryTimeline> play_memory(const Plan& plan);

// R planned for one rank and microbatch: mean × load_factor rows.
std::int64_t planned_rows(const Plan& plan);

// Bytes as the pool counts them: whole cache lines.
std::int64_t rounded_bytes(std::int64_t bytes);

std::string to_string(const MemoryTimeline& timeline, const RankProgram& program);  // a line an instruction
nlohmann::json to_json(const MemoryTimeline& timeline);  // arrays by instruction: saved, working, routed, peak

}  // namespace dsrun
