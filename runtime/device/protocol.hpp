// What a device core and the coordinator core send each other, as plain values; actors/messages/job.hpp sends them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/passes/pass.hpp"
#include "runtime/device/meter/instruction_times.hpp"
#include "runtime/device/meter/sent_traffic.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {

// What a device keeps: all that training needs, or weights alone.
enum class DeviceUse : std::uint8_t { training, forward_only };

enum class RoundKind : std::uint8_t { train, evaluate };

// Coordinator → device: run the Program once.
struct RoundOrder {
  std::uint64_t round = 0;
  RoundKind kind = RoundKind::train;
  std::int64_t index = 0;  // train: the step, from 0; evaluate: the batch of validation sequences
  double mtp_lambda = 0;   // train: weight of the prediction modules' mean loss in the sum of losses
  int microbatches = 0;    // train: of a data rank, at most the plan's
};

// Device → coordinator: the Program has run and, when training, the owned gradients are summed.
struct RoundResult {
  int rank = 0;
  std::uint64_t round = 0;
  double loss_sum = 0;                // over this rank's microbatches; 0 unless it holds the head
  std::vector<double> mtp_loss_sums;  // loss sums of the prediction modules, by depth
  double balance_loss_sum = 0;        // the sequence-wise balance loss, summed over tokens and MoE layers
  double sum_squares = 0;             // of the owned gradient sums
  std::vector<std::vector<std::int64_t>> expert_counts;  // [MoE layer of the model][expert], tokens routed by this rank
  std::int64_t rows_from_others = 0;                     // token rows that experts here got from other ranks
  std::int64_t rows_received = 0;                        // expert rows computed here
};

// Coordinator → device: update the owned shards and gather.
struct UpdateOrder {
  std::uint64_t round = 0;
  std::int64_t step = 0;
  double lr = 0;
  double gradient_scale = 0;               // clip ÷ predicted tokens
  std::vector<std::vector<float>> biases;  // [MoE layer of the model][expert], for the next step
};

// How a rank spent the time of one round, in seconds; the classes add up to the round.
struct PhaseTimes {
  double forward = 0;    // CPU time in ops, by pass
  double backward = 0;   // with recomputation
  double exchange = 0;   // packing and unpacking rows
  double optimizer = 0;  // reduce, update, gather
  double core_wait = 0;  // runnable but without a core, or without the thread that devices share
  double idle = 0;       // nothing ready, waiting for a peer
  double delivery = 0;   // between a message's sending and its handling, when it ended an idle time
  double overhead = 0;   // CPU time outside ops: messages, the pump itself
  double total() const {
    double sum = 0;
    for (double PhaseTimes::*phase : all_phases) sum += this->*phase;
    return sum;
  }
  PhaseTimes& operator+=(const PhaseTimes& other) {
    for (double PhaseTimes::*phase : all_phases) this->*phase += other.*phase;
    return *this;
  }
  PhaseTimes operator/(double divisor) const {
    PhaseTimes part = *this;
    for (double PhaseTimes::*phase : all_phases) part.*phase /= divisor;
    return part;
  }
  static const std::array<double PhaseTimes::*, 8> all_phases;
};
inline constexpr std::array<double PhaseTimes::*, 8> PhaseTimes::all_phases = {
    &PhaseTimes::forward,   &PhaseTimes::backward, &PhaseTimes::exchange, &PhaseTimes::optimizer,
    &PhaseTimes::core_wait, &PhaseTimes::idle,     &PhaseTimes::delivery, &PhaseTimes::overhead};

// CPU seconds of a rank's round, [op][pass]. Ops behind the last one that took any may be missing.
using OpSeconds = std::vector<std::array<double, num_passes>>;
inline void add_seconds(OpSeconds& sum, const OpSeconds& more) {
  sum.resize(std::max(sum.size(), more.size()));
  for (std::size_t op = 0; op < more.size(); ++op)
    for (std::size_t pass = 0; pass < num_passes; ++pass) sum[op][pass] += more[op][pass];
}

// Device → coordinator: the round is over on this rank.
struct RoundDone {
  int rank = 0;
  std::uint64_t round = 0;
  PhaseTimes times;
  OpSeconds op_seconds;
  MemoryUse memory;
  ProgramTimes program{};
  SentTraffic sent{};
};

}  // namespace dsrun
