#include "actors/job_run.hpp"

#include <utility>

namespace dsrun {

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

JobRun::JobRun(const LaunchOptions& options, JobControl& control) : options_(options), control_(control) {
  outcome_.steps = options.resume_from ? options.resume_from->step() : 0;
  if (options.resume_from) outcome_.checkpoint = options.resume_from->step();
}

void JobRun::on_early_stop(std::function<void()> stop) {
  if (!stop) return control_.attach(nullptr);
  control_.attach([stop = std::move(stop)](JobControl::Request what) {
    if (what == JobControl::Request::stop) stop();
  });
}

CoordinatorSetup JobRun::coordinator_setup() {
  CoordinatorSetup setup;
  setup.membership = membership_of(options_.plan);
  setup.loader = options_.loader;
  setup.start.peak_flops = options_.peak_flops;
  setup.start.biases = options_.initial_biases;
  if (options_.resume_from) {
    setup.start.step = options_.resume_from->step();
    setup.start.validated = options_.resume_from->validated;
    setup.start.biases = options_.resume_from->biases;
  }
  setup.on_progress = [this](const Progressed& progress) { hear(progress); };
  setup.on_end = [ending = ending_](bool all_over) { ending->tell(all_over); };
  if (!options_.run_dir.empty())
    setup.commit = [before = options_.before_commit, run_dir = options_.run_dir, plan = options_.plan,
                    loader = options_.loader](const SaveFinished& save) {
      if (before) before();
      commit_save(run_dir, plan->job, save, loader->text_fingerprint(), loader->recipe().samples_before(save.step));
    };
  return setup;
}

JobOutcome JobRun::run(caf::actor_system& system, CoordinatorSetup setup,
                       const std::function<void(const caf::actor&)>& spawned) {
  std::future<bool> all_over = ending_->all_over();
  outcome_.cause = "the coordinator died";  // unless it tells
  const caf::actor coordinator = system.spawn<caf::detached>(coordinator_actor, std::move(setup));
  coordinator->attach_functor([ending = ending_] { ending->tell(false); });
  if (spawned) spawned(coordinator);
  control_.attach([coordinator](JobControl::Request what) {
    if (what == JobControl::Request::stop)
      caf::anon_send(coordinator, StopRequest{});
    else
      caf::anon_send(coordinator, SaveRequest{});
  });
  outcome_.all_over = all_over.get();
  control_.attach(nullptr);
  return outcome_;
}

void JobRun::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) outcome_.steps = step->metrics.step;
  if (const auto* save = std::get_if<SaveFinished>(&progress)) outcome_.checkpoint = save->step;
  if (const auto* finished = std::get_if<JobFinished>(&progress)) {
    outcome_.outcome = finished->outcome;
    outcome_.cause = finished->cause;
  }
  if (options_.on_progress) options_.on_progress(progress);
}

}  // namespace dsrun
