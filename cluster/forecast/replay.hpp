// Replay: runs a Program on a simulated clock, op by op, with the costs of a DeviceModel. It is the planner's forecast
// of one step.
//
// It runs the Programs and step lists that the executor runs, and decides as the executor does: transfers in the fixed
// order of interleave(), the other list's steps while one waits. It assumes that experts are chosen evenly (each rank
// has the mean number of rows), devices are alike, and nobody else uses a device's ports. Ranks that have the same
// links then behave alike, so that one rank for each pipeline index stands for all (Replayed::one_a_pipeline_index);
// where links differ within a pipeline index, every rank is simulated.
//
// To model another cost, add a step's to models/step_work.cpp, a device's to device_model.cpp, a transfer's to
// step_costs.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cluster/forecast/devices/device_model.hpp"
#include "cluster/plan.hpp"
#include "runtime/schedule/instruction_kind.hpp"

namespace dsrun {

// Why a rank idles: nothing has come back yet and nothing was there to forward (warm_up); only backwards are left, and
// the message for the next is not there (drain); a peer is not done yet, in other cases (dependency); the needed
// message is on its way (link); the step's end: reduction, the coordinator, gathering (synchronisation).
enum class Idle : std::uint8_t { warm_up, drain, dependency, link, synchronisation };
inline constexpr std::size_t num_idle_causes = 5;
std::string_view idle_name(Idle cause);

struct ReplayedInstruction {
  Instruction instruction;
  double start = 0, end = 0;            // seconds from the step's start; `start`: when its first op begins
  double work = 0;                      // seconds of these in ops; in the rest it waits for transfers of experts
  Idle idle_before = Idle::dependency;  // why the rank waited to start it, if it did
  double link_before = 0;               // the last seconds of that wait, in which the needed message was on its way
};

struct ReplayedRank {
  int rank = 0;  // the first of those that behave like it
  std::vector<ReplayedInstruction> instructions;
  std::array<double, num_idle_causes> idle{};  // seconds
  double work = 0;                             // in ops and the step's end
  double core_wait = 0;                        // seconds runnable without a core, where ranks share cores
  double program_end = 0;                      // when its Program is over
  double reduced = 0, updated = 0, end = 0;    // when gradients are summed, weights updated, weights gathered
  double idle_total() const;
};

struct KindTime {
  int count = 0;
  double seconds = 0;  // of all
  double work = 0;
};

struct Replayed {
  double step_seconds = 0;
  std::vector<ReplayedRank> ranks;  // by pipeline index, or all
  bool one_a_pipeline_index = true;
  double bubble() const;                                      // idle time over all time, mean over ranks
  std::array<KindTime, num_instruction_kinds> kinds() const;  // over all simulated ranks
};

struct ReplayOptions {
  bool overlap = true;  // parallel.overlap of the job is used unless this is false
};

// Precondition: a plan of make_plan(). Throws std::logic_error if the Program hangs.
Replayed replay_step(const Plan& plan, const DeviceModel& model, const ReplayOptions& options = {});

}  // namespace dsrun
