#include "tests/actors/scheduled_job.hpp"

#include <chrono>
#include <sstream>

#include "tests/support/gather.hpp"

namespace dsrun::test {

ScheduledJob::ScheduledJob(const Job& job, std::uint64_t seed)
    : plan_(std::make_shared<Plan>(make_plan(job))),
      loader_(std::make_shared<BatchLoader>(job, small_corpus())),
      random_(seed) {
  std::istringstream no_file;
  config_.parse({}, no_file);
  config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(config_);
  scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
}

ScheduledJob::~ScheduledJob() {
  coordinator_ = nullptr;
  scheduler_->run();  // what is still in mailboxes
  system_->await_actors_before_shutdown(false);
}

void ScheduledJob::spawn() {
  CoordinatorSetup setup;
  setup.membership = membership_;
  setup.loader = loader_;
  std::vector<caf::actor> devices;
  std::vector<std::shared_ptr<const DeviceSetup>> setups;
  for (int rank = 0; rank < plan_->mesh.size(); ++rank) {
    auto device = std::make_shared<DeviceSetup>();
    device->membership = membership_;
    device->rank = rank;
    device->loader = loader_;
    device->save = [this](DeviceCore& core, std::int64_t) {
      gather_owned(core, Owned::weights, run_.weights);
      return std::string("{}");
    };
    if (alter_setup) alter_setup(*device);
    setups.push_back(std::move(device));
    caf::actor replacement = replace_device ? replace_device(rank, *system_) : caf::actor();
    devices.push_back(replacement ? std::move(replacement) : system_->spawn(device_actor));
    setup.members.push_back({devices.back(), {rank}});
  }
  setup.begin = [devices, setups](const caf::actor& coordinator) { introduce(devices, setups, coordinator); };
  setup.on_progress = [this](const Progressed& progress) { hear(progress); };
  setup.on_end = [this](bool all_over) {
    ended_ = true;
    run_.all_over = all_over;
  };
  if (alter_coordinator) alter_coordinator(setup);
  coordinator_ = system_->spawn(coordinator_actor, std::move(setup));
}

void ScheduledJob::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) run_.losses.push_back(step->metrics.loss);
  if (const auto* validation = std::get_if<ValidationFinished>(&progress))
    run_.validation_losses.push_back(validation->loss);
  if (const auto* save = std::get_if<SaveFinished>(&progress)) run_.saves.push_back(save->step);
  if (const auto* finished = std::get_if<JobFinished>(&progress)) run_.finished = *finished;
  if (on_progress) on_progress(progress, coordinator_);
}

bool ScheduledJob::step() {
  auto& jobs = scheduler_->jobs;
  if (jobs.empty()) return scheduler_->trigger_timeout();
  const auto chosen = std::uniform_int_distribution<std::size_t>(0, jobs.size() - 1)(random_);
  std::rotate(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(chosen),
              jobs.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
  scheduler_->run_once();
  ++run_.handled;
  return true;
}

ScheduledRun ScheduledJob::run() {
  spawn();
  while (!ended_)
    if (!step()) {
      run_.hung = true;
      break;
    }
  return run_;
}

}  // namespace dsrun::test
