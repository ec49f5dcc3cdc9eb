#include "actors/launch.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "actors/coordinator_actor.hpp"
#include "actors/device_actor.hpp"

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

// The end of a job, told once: by the coordinator when all is done or, should it die itself, by its death.
class Ending {
 public:
  std::future<bool> all_devices_ended() { return promise_.get_future(); }
  void tell(bool all_devices_ended) {
    if (!told_.exchange(true)) promise_.set_value(all_devices_ended);
  }

 private:
  std::atomic<bool> told_{false};
  std::promise<bool> promise_;
};

}  // namespace

void JobControl::request_stop() { request(Request::stop); }
void JobControl::request_save() { request(Request::save); }

void JobControl::request(Request what) {
  const std::lock_guard lock(mutex_);
  if (deliver_)
    deliver_(what);
  else
    early_.push_back(what);
}

void JobControl::attach(std::function<void(Request)> deliver) {
  const std::lock_guard lock(mutex_);
  deliver_ = std::move(deliver);
  if (deliver_)
    for (Request what : std::exchange(early_, {})) deliver_(what);
}

class RunningJob {
 public:
  RunningJob(const LaunchOptions& options, JobControl& control) : options_(options), control_(control) {
    outcome_.steps = options.resume_from ? options.resume_from->step() : 0;
    if (options.resume_from) outcome_.checkpoint = options.resume_from->step();
  }

  JobOutcome run() {
    std::future<bool> all_devices_ended = ending_->all_devices_ended();
    outcome_.cause = "the coordinator died";  // unless it tells
    const caf::actor coordinator = system_->actors.spawn<caf::detached>(coordinator_actor, coordinator_setup());
    coordinator->attach_functor([ending = ending_] { ending->tell(false); });
    control_.attach([coordinator](JobControl::Request what) {
      if (what == JobControl::Request::stop)
        caf::anon_send(coordinator, StopRequest{});
      else
        caf::anon_send(coordinator, SaveRequest{});
    });
    outcome_.devices_ended = all_devices_ended.get();
    control_.attach(nullptr);
    if (!outcome_.devices_ended) (void)system_.release();  // its destructor would wait for them
    return outcome_;
  }

 private:
  CoordinatorSetup coordinator_setup() {
    CoordinatorSetup setup;
    setup.plan = options_.plan;
    setup.loader = options_.loader;
    setup.start.peak_flops = options_.peak_flops;
    setup.start.biases = options_.initial_biases;
    if (options_.resume_from) {
      setup.start.step = options_.resume_from->step();
      setup.start.validated = options_.resume_from->validated;
      setup.start.biases = options_.resume_from->biases;
    }
    for (int rank = 0; rank < options_.plan->mesh.size(); ++rank) {
      setup.devices.push_back(threads_.shared ? system_->actors.spawn(device_actor)
                                              : system_->actors.spawn<caf::detached>(device_actor));
      setup.setups.push_back(device_setup(rank));
    }
    setup.on_progress = [this](const Progressed& progress) { hear(progress); };
    setup.on_end = [ending = ending_](bool all_devices_ended) { ending->tell(all_devices_ended); };
    if (!options_.run_dir.empty())
      setup.commit = [this, text = options_.loader->text_fingerprint()](const SaveFinished& save) {
        commit_save(options_.run_dir, options_.plan->job, save, text,
                    options_.loader->recipe().samples_before(save.step));
      };
    return setup;
  }

  std::shared_ptr<const DeviceSetup> device_setup(int rank) const {
    auto setup = std::make_shared<DeviceSetup>();
    setup->plan = options_.plan;
    setup->rank = rank;
    setup->loader = options_.loader;
    setup->yields_after_op = false;
    setup->shares_thread = threads_.shared;
    setup->pin_core = options_.plan->job.cluster.pin_cores;
    setup->restore = options_.initialise;
    if (options_.resume_from)
      setup->restore = [from = *options_.resume_from](DeviceCore& core) { restore_device(from, core); };
    if (!options_.run_dir.empty())
      setup->save = [run_dir = options_.run_dir](DeviceCore& core, std::int64_t step) {
        return save_device(run_dir, core, step);
      };
    if (options_.on_span)
      setup->on_span = [rank, on_span = options_.on_span](const DeviceSpan& span) { on_span(rank, span); };
    return setup;
  }

  void hear(const Progressed& progress) {
    if (const auto* step = std::get_if<StepFinished>(&progress)) outcome_.steps = step->metrics.step;
    if (const auto* save = std::get_if<SaveFinished>(&progress)) outcome_.checkpoint = save->step;
    if (const auto* finished = std::get_if<JobFinished>(&progress)) {
      outcome_.outcome = finished->outcome;
      outcome_.cause = finished->cause;
    }
    if (options_.on_progress) options_.on_progress(progress);
  }

  const LaunchOptions& options_;
  JobControl& control_;
  DeviceThreads threads_{options_.plan->job, options_.cores};
  std::unique_ptr<System> system_ = std::make_unique<System>(threads_);
  std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
  JobOutcome outcome_;  // written on the coordinator's thread until the ending is told
};

JobOutcome run_job(const LaunchOptions& options, JobControl& control) { return RunningJob(options, control).run(); }

}  // namespace dsrun
