// ScheduledJob: the real actors of a job on CAF's deterministic scheduler: one thread, a clock that a test moves, and
// at each step a seeded choice of the actor that handles its next message.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "actors/coordinator_actor.hpp"
#include "actors/device_actor.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

struct ScheduledRun {
  std::vector<double> losses;  // by step
  std::vector<double> validation_losses;
  std::vector<std::int64_t> saves;  // steps
  JobFinished finished;
  bool all_over = false;
  bool hung = false;         // no message and no timeout left, and the job not over
  Tensors weights;           // as last saved
  std::int64_t handled = 0;  // messages
};

class ScheduledJob {
 public:
  explicit ScheduledJob(const Job& job, std::uint64_t seed = 1);
  ~ScheduledJob();

  // To alter before run().
  std::function<void(DeviceSetup&)> alter_setup;
  std::function<void(CoordinatorSetup&)> alter_coordinator;
  // Another actor in the place of a rank's device; invalid: none.
  std::function<caf::actor(int rank, caf::actor_system&)> replace_device;
  std::function<void(const Progressed&, const caf::actor& coordinator)> on_progress;

  ScheduledRun run();

 private:
  void spawn();
  void hear(const Progressed& progress);
  bool step();  // handles one message, or lets time pass

  std::shared_ptr<const Plan> plan_;
  Membership membership_ = membership_of(plan_);
  std::shared_ptr<const BatchLoader> loader_;
  std::mt19937_64 random_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::actor coordinator_;
  bool ended_ = false;
  ScheduledRun run_;
};

}  // namespace dsrun::test
