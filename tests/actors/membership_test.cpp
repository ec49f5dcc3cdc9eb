// A change of members: devices take a second Configure, and what belongs to an earlier generation counts for nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

#include "actors/coordinator_actor.hpp"
#include "actors/device_actor.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

using testing::Each;
using testing::HasSubstr;

std::vector<std::uint32_t> generations_of(const std::vector<StepFinished>& steps) {
  std::vector<std::uint32_t> all;
  for (const StepFinished& step : steps) all.push_back(static_cast<std::uint32_t>(step.metrics.generation));
  return all;
}

TEST(Membership, a_message_of_another_generation_is_dropped_and_counted) {
  const Job job = small_job({"parallel.pipeline=2", "parallel.data=2", "job.steps=2"});
  const FakeRun expected = FakeCluster(job, small_corpus()).run();
  FakeCluster* cluster = nullptr;
  std::int64_t num_stale = 0;
  FakeClusterOptions options;
  options.on_message = [&](int destination, const TensorMessage& message) {
    EXPECT_EQ(message.tag.generation, first_generation);
    TensorMessage stale = message;  // the same tag, but for the generation, before the message itself
    --stale.tag.generation;
    cluster->device(destination).on_tensor(std::move(stale));
    ++num_stale;
  };
  FakeCluster disturbed(job, small_corpus(), options);
  cluster = &disturbed;
  const FakeRun run = disturbed.run();
  EXPECT_EQ(run.losses, expected.losses);
  EXPECT_THAT(generations_of(run.steps), Each(first_generation));
  std::int64_t num_dropped = 0;
  for (int rank = 0; rank < disturbed.plan().mesh.size(); ++rank) num_dropped += disturbed.device(rank).num_dropped();
  EXPECT_GT(num_stale, 0);
  EXPECT_EQ(num_dropped, num_stale);
}

// Passes orders on, and ends in the place of its device, which lives on.
caf::behavior stand_in(caf::event_based_actor* self, const caf::actor& device) {
  const auto pass_on = [self, device](const auto& order) { self->send(device, order); };
  return {
      [pass_on](const RoundOrder& order) { pass_on(order); }, [pass_on](const UpdateOrder& order) { pass_on(order); },
      [pass_on](const SaveOrder& order) { pass_on(order); }, [](WaitsRequest) {}, [self](StopOrder) { self->quit(); }};
}

class Reconfigured : public testing::Test {
 protected:
  Reconfigured() {
    std::istringstream no_file;
    config_.parse({}, no_file);
    config_.set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(config_);
    scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
    for (int rank = 0; rank < 2; ++rank) devices_.push_back(system_->spawn(device_actor));
  }
  ~Reconfigured() override {
    for (const caf::actor& device : devices_) caf::anon_send(device, StopOrder{});
    scheduler_->run();
    system_->await_actors_before_shutdown(false);
  }

  // Runs a job on the devices that are there.
  FakeRun run(const Job& job, std::uint32_t generation, const std::function<void(DeviceSetup&)>& alter = {}) {
    FakeRun run;
    CoordinatorSetup setup;
    setup.membership = membership_of(std::make_shared<Plan>(make_plan(job)), generation);
    setup.loader = std::make_shared<BatchLoader>(job, small_corpus());
    std::vector<std::shared_ptr<const DeviceSetup>> setups;
    for (int rank = 0; rank < 2; ++rank) {
      auto device = std::make_shared<DeviceSetup>();
      device->membership = setup.membership;
      device->rank = rank;
      device->loader = setup.loader;
      if (alter) alter(*device);
      setups.push_back(std::move(device));
      setup.members.push_back({system_->spawn(stand_in, devices_[static_cast<std::size_t>(rank)]), {rank}});
    }
    setup.begin = [this, setups](const caf::actor& coordinator) { introduce(devices_, setups, coordinator); };
    setup.on_progress = [&run](const Progressed& progress) {
      if (const auto* step = std::get_if<StepFinished>(&progress)) {
        run.losses.push_back(step->metrics.loss);
        run.steps.push_back(*step);
      }
      if (const auto* finished = std::get_if<JobFinished>(&progress)) run.finished = *finished;
    };
    bool ended = false;
    setup.on_end = [&ended](bool) { ended = true; };
    system_->spawn(coordinator_actor, std::move(setup));
    while (!ended && (scheduler_->try_run_once() || scheduler_->trigger_timeout())) {
    }
    EXPECT_TRUE(ended);
    return run;
  }

  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  std::vector<caf::actor> devices_;
};

TEST_F(Reconfigured, a_device_that_failed_trains_again_on_another_mesh_of_the_next_generation) {
  const FakeRun first = run(small_job({"parallel.pipeline=2", "job.steps=3"}), 4, [](DeviceSetup& setup) {
    if (setup.rank != 1) return;
    setup.on_span = [](const DeviceSpan& span) {
      if (span.op == Op::attention) throw std::runtime_error("out of luck");
    };
  });
  EXPECT_THAT(first.finished.cause, HasSubstr("out of luck"));
  ASSERT_TRUE(first.finished.fault);
  EXPECT_EQ(first.finished.fault->rank, 1);

  const Job other = small_job({"parallel.data=2", "parallel.expert=2", "job.steps=2"});
  const FakeRun second = run(other, 5);
  EXPECT_EQ(second.finished.outcome, Outcome::completed) << second.finished.cause;
  EXPECT_EQ(second.losses, FakeCluster(other, small_corpus()).run().losses);
  EXPECT_THAT(generations_of(second.steps), Each(5U));
}

}  // namespace
}  // namespace dsrun::test
