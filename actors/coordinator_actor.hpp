// The actor around a JobCore: it carries messages, has checkpoints committed and reports progress.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/core/job_core.hpp"
#include "actors/messages/job.hpp"

namespace dsrun {

// Whom the coordinator gives its orders: a device, or a host's agent that passes them on to its devices.
struct Member {
  caf::actor actor;
  std::vector<int> ranks;
  std::string host{};  // of the agent; "": a device of this process
};

struct CoordinatorSetup {
  Membership membership;
  std::shared_ptr<const BatchLoader> loader;
  StartState start;
  std::vector<Member> members;  // in rank order
  // Tells the members who the coordinator is and what to set up; each rank then says Ready.
  std::function<void(const caf::actor& coordinator)> begin;
  // Commits a save; null: there is nothing to commit. What it throws ends the job as storage_failed. It runs in an
  // actor of its own, on a thread of its own where the coordinator has one. It may outlive a job that stopped waiting
  // for it.
  std::function<void(const SaveFinished&)> commit;
  std::function<void(const Progressed&)> on_progress;  // on the coordinator's thread
  std::function<void(bool all_over)> on_end;           // the last thing that this actor does; see JobCore::End
};

// A CoordinatorSetup::begin for devices of this process, both by rank.
void introduce(const std::vector<caf::actor>& devices, const std::vector<std::shared_ptr<const DeviceSetup>>& setups,
               const caf::actor& coordinator);

class CoordinatorShell {
 public:
  using Self = caf::stateful_actor<CoordinatorShell>;
  static inline const char* name = "coordinator";

  explicit CoordinatorShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(CoordinatorSetup setup);

 private:
  // Makes a handler that passes its message to the core, then carries out the core's effects.
  template <class Message, class Input>
  auto heard(Input input) {
    return [this, input](Message& message) {
      try {
        input(message);
      } catch (const std::exception& error) {
        core_->on_failure(Outcome::failed, error.what());
      }
      carry_out_effects();
    };
  }
  void on_down(const caf::down_msg& message);
  void carry_out_effects();
  void carry_out(JobCore::ToMembers& effect);
  void carry_out(JobCore::Commit& effect);
  void carry_out(JobCore::Tell& effect);
  void carry_out(JobCore::WakeIn& effect);
  void carry_out(JobCore::End& effect);
  std::int64_t now_ns() const;

  Self* self_;
  CoordinatorSetup setup_;
  std::optional<JobCore> core_;
  bool listener_failed_ = false;  // while the effects of one input are carried out
};

inline caf::behavior coordinator_actor(CoordinatorShell::Self* self, CoordinatorSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
