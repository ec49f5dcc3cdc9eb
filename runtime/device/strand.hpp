// Strand: runs one step list for one microbatch, a step at a time. An instruction has one strand, F&B has two.
#pragma once

#include <string>
#include <vector>

#include "runtime/device/device_context.hpp"
#include "runtime/device/frame.hpp"
#include "runtime/device/inbox/inbox.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// One step of a step list, run for one microbatch. It is cheap to record before every step, and becomes words only if
// the step fails.
struct StepPlace {
  int stage = 0, direction = 0, microbatch = 0;
  const OpStep* step = nullptr;
};
std::string describe(const Plan& plan,
                     const StepPlace& place);  // "dispatch forward, layer 3, microbatch 1 (direction 0)"

class Strand {
 public:
  // `list` belongs to the frame's stage. The half's kind and the stage's place say what must arrive before the first
  // step and what is sent after the last.
  Strand(DeviceContext& context, Inbox& inbox, Frame& frame, Half half, const StepList& list);

  bool done() const { return next_ == list_->size(); }
  bool next_sends() const { return sends((*list_)[next_].part); }
  bool ready() const;  // precondition: !done()
  // Whether missing messages, if any, come from another stage and are not rows of experts.
  bool waits_for_stage() const { return next_ == 0; }
  // The messages without which the next step cannot run; empty: it is ready.
  std::vector<Tag> missing() const;
  void run_next();  // precondition: ready()

  const OpStep& next_step() const { return (*list_)[next_]; }
  const Half& half() const { return half_; }
  const Frame& frame() const { return frame_; }
  StepPlace next_place() const { return {frame_.stage, frame_.direction, frame_.microbatch, &next_step()}; }

 private:
  const StageSteps& stage() const { return context_.plan->stages[static_cast<std::size_t>(frame_.stage)]; }
  const Ports& ports() const;
  Tag boundary_tag(Traffic traffic, int to_stage, std::size_t slot) const;
  Tag arriving(std::size_t slot) const;
  Buffer departing(const Departure& port);
  template <class Visit>
  void for_each_needed(Visit visit) const;  // tags of the messages that the next step consumes
  void begin();
  void end();
  void make_room(const OpStep& step);
  void let_go(const OpStep& step);

  DeviceContext& context_;
  Inbox& inbox_;
  Frame& frame_;
  Half half_;
  const StepList* list_;
  std::size_t next_ = 0;
};

// The view of a value of a frame; null if the value is not live.
TensorView value_view(const DeviceContext& context, const Frame& frame, ValueId id);
// Number of rows of a value in this frame; for a routed value it is known once exchange_counts has finished. `moe`: the
// MoE layer of the node that makes it.
std::int64_t value_rows(const DeviceContext& context, const Frame& frame, const Value& value, int moe);

// Runs a compute step's kernel on the frame's values.
void run_kernel(DeviceContext& context, Frame& frame, const OpStep& step);

}  // namespace dsrun
