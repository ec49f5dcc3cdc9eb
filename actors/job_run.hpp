// What a launch has in common wherever its devices live: a coordinator, whom it asks, what it is told, how it ends.
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
  // Before run(): who hears of a request to stop; null: run() will.
  void on_early_stop(std::function<void()> stop);
  // Runs the coordinator until it has ended. `spawned` hears of it before anything is awaited.
  JobOutcome run(caf::actor_system& system, CoordinatorSetup setup,
                 const std::function<void(const caf::actor&)>& spawned = {});

 private:
  // The end of a job, told once: by the coordinator when all is done or, should it die itself, by its death.
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
  JobOutcome outcome_;  // written on the coordinator's thread until the ending is told
};

}  // namespace dsrun
