// The part of a launch that does not depend on where its devices live: it makes the coordinator, passes requests to it,
// records its progress and waits for its end.
#pragma once

#include <atomic>
#include <future>
#include <memory>

#include "actors/coordinator_actor.hpp"
#include "actors/launch.hpp"

namespace dsrun {

class JobRun {
 public:
  JobRun(const LaunchOptions& options, JobControl& control);

  CoordinatorSetup coordinator_setup();  // all but members and begin
  // Sets who gets a request to stop that comes before run(); null: run() delivers it.
  void on_early_stop(std::function<void()> stop);
  // Runs the coordinator until it has ended. Calls `spawned` with the coordinator before it waits for anything.
  JobOutcome run(caf::actor_system& system, CoordinatorSetup setup,
                 const std::function<void(const caf::actor&)>& spawned = {});

 private:
  // The end of a job, reported once: by the coordinator when all is done, or by its death if it dies first.
  class Ending {
   public:
    std::future<bool> all_over() { return promise_.get_future(); }
    void tell(bool all_over) {
      if (!told_.exchange(true)) promise_.set_value(all_over);
    }

   private:
    std::atomic<bool> told_{false};
    std::promise<bool> promise_;
  };

  void hear(const Progressed& progress);

  const LaunchOptions& options_;
  JobControl& control_;
  std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
  JobOutcome outcome_;  // written on the coordinator's thread until the end is reported
};

}  // namespace dsrun
