#include "actors/launch.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "actors/device_actor.hpp"
#include "actors/job_run.hpp"

namespace dsrun {
namespace {

// How a job's devices get their threads: one each, or, where there are fewer cores, as many threads as cores, which run
// whichever device is ready, so that the kernel need not switch between them (docs/decisions/0005).
struct DeviceThreads {
  DeviceThreads(const Job& job, int cores)
      : shared(!job.cluster.pin_cores && job.world_size() * job.cluster.threads_per_device > cores),
        num_shared(shared ? std::max(1, cores / job.cluster.threads_per_device) : 1) {}
  bool shared;
  int num_shared;  // CAF wants one even if nothing runs on it
};

struct System {
  explicit System(const DeviceThreads& threads) : actors(configure(threads.num_shared)) {}
  caf::actor_system_config config;
  caf::actor_system actors;

 private:
  caf::actor_system_config& configure(int num_threads) {
    std::istringstream no_file;  // else CAF reads caf-application.ini from the working directory
    config.parse({}, no_file);
    config.set("scheduler.policy", caf::atom("sharing"));  // an idle thread shall sleep, not poll
    config.set("scheduler.max-threads", num_threads);
    return config;
  }
};

}  // namespace

class RunningJob {
 public:
  RunningJob(const LaunchOptions& options, JobControl& control) : options_(options), run_(options, control) {}

  JobOutcome run() {
    CoordinatorSetup setup = run_.coordinator_setup();
    std::vector<caf::actor> devices;
    std::vector<std::shared_ptr<const DeviceSetup>> setups;
    for (int rank = 0; rank < options_.plan->mesh.size(); ++rank) {
      devices.push_back(threads_.shared ? system_->actors.spawn(device_actor)
                                        : system_->actors.spawn<caf::detached>(device_actor));
      setups.push_back(device_setup(rank));
      setup.members.push_back({devices.back(), {rank}});
    }
    setup.begin = [devices, setups](const caf::actor& coordinator) { introduce(devices, setups, coordinator); };
    JobOutcome outcome = run_.run(system_->actors, std::move(setup));
    if (!outcome.all_over) (void)system_.release();  // its destructor would wait for them
    return outcome;
  }

 private:
  std::shared_ptr<const DeviceSetup> device_setup(int rank) const {
    auto setup = std::make_shared<DeviceSetup>();
    setup->membership = membership_;
    setup->rank = rank;
    setup->loader = options_.loader;
    setup->yields_after_op = false;
    setup->shares_thread = threads_.shared;
    setup->pin_core = options_.plan->job.cluster.pin_cores;
    set_state_functions(*setup, options_.run_dir, options_.resume_from, options_.initialise);
    if (options_.on_span)
      setup->on_span = [rank, on_span = options_.on_span](const DeviceSpan& span) { on_span(rank, span); };
    return setup;
  }

  const LaunchOptions& options_;
  const Membership membership_ = membership_of(options_.plan);
  DeviceThreads threads_{options_.plan->job, options_.cores};
  std::unique_ptr<System> system_ = std::make_unique<System>(threads_);
  JobRun run_;
};

JobOutcome run_job(const LaunchOptions& options, JobControl& control) { return RunningJob(options, control).run(); }

}  // namespace dsrun
