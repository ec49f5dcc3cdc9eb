// RunSummary: adds up what a run measured and prints it at the end. Everything here comes from spans and counters of
// the run; only the "planned" column of the memory table comes from the plan.
//
// To add a section: a private function that returns its lines, and its call in text().
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "actors/core/progressed.hpp"
#include "dsrun/run/feed/run_feed.hpp"

namespace dsrun {

using MemoryByClass = std::array<std::int64_t, num_memory_classes>;

class RunSummary : public RunListener {
 public:
  // `planned`: each rank's peak bytes by class; `planned_peak`: its peak of all classes together.
  // `first_layer`: the first MoE layer's number in the model.
  RunSummary(std::vector<MemoryByClass> planned, std::vector<std::int64_t> planned_peak, double peak_flops,
             int first_layer);

  std::string name() const override { return "the summary"; }
  void hear(const Progressed& progress) override;
  double peak_flops() const { return peak_flops_; }
  std::string text() const;  // lines, each with its line feed; "" when no step was made

 private:
  void add(const StepFinished& step);
  std::string speed() const;
  std::string phases() const;
  std::string instructions() const;
  std::string ops() const;
  std::string memory() const;
  std::string experts() const;
  std::string traffic() const;
  std::string messaging() const;
  std::string links() const;

  std::vector<MemoryByClass> planned_;
  std::vector<std::int64_t> planned_peak_;
  double peak_flops_;
  int first_layer_;
  // Sums over the counted steps: all but the first of a run, which makes primitives and touches its memory first.
  std::int64_t num_steps_ = 0;
  std::int64_t num_counted_ = 0;
  std::int64_t tokens_ = 0;
  double seconds_ = 0;
  double mfu_ = 0;
  std::vector<PhaseTimes> times_;  // by rank
  double in_rounds_ = 0;           // of each step's seconds those in which some device was at work
  OpSeconds op_seconds_;
  ProgramTimes program_times_;  // over all ranks
  std::int64_t rows_sent_away_ = 0, rows_ = 0;
  SentTraffic sent_;                                                  // by all ranks
  std::vector<MemoryUse> last_memory_;                                // by rank; peaks are of the whole run
  std::vector<LinkReport> links_;                                     // between processes
  std::deque<std::vector<std::vector<std::int64_t>>> recent_counts_;  // of the last 100 steps
};

}  // namespace dsrun
