// The coordinator alone, before devices that a test plays.
#include "actors/coordinator_actor.hpp"

#include <gmock/gmock.h>

#include <future>

#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Takes orders and answers none but the last; whom it waits for it says where `is_alive`.
caf::behavior idle_device(caf::event_based_actor* self, int rank, bool is_alive) {
  return {[](const RoundOrder&) {},
          [self, rank, is_alive](WaitsRequest) {
            const auto coordinator = caf::actor_cast<caf::actor>(self->current_sender());
            if (is_alive) self->send(coordinator, WaitsReport{rank, {}, "reading"});
          },
          [self](StopOrder) { self->quit(); }};
}

TEST(Coordinator, names_a_device_whose_actor_answers_nothing) {
  const Job job = small_job({"parallel.pipeline=2", "cluster.peer_timeout_secs=0.1"});
  caf::actor_system_config config;
  caf::actor_system system(config);
  CoordinatorSetup setup;
  setup.membership = membership_of(std::make_shared<Plan>(make_plan(job)));
  setup.loader = std::make_shared<BatchLoader>(job, small_corpus());
  for (int rank = 0; rank < 2; ++rank) setup.members.push_back({system.spawn(idle_device, rank, rank == 0), {rank}});
  setup.begin = [](const caf::actor&) {};
  std::string cause;
  setup.on_progress = [&cause](const Progressed& progress) {
    if (const auto* finished = std::get_if<JobFinished>(&progress)) cause = finished->cause;
  };
  std::promise<void> ended;
  setup.on_end = [&ended](bool) { ended.set_value(); };
  system.spawn<caf::detached>(coordinator_actor, std::move(setup));
  ASSERT_EQ(ended.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_THAT(cause, HasSubstr("rank 1"));
  EXPECT_THAT(cause, HasSubstr("has answered nothing for 1"));
}

}  // namespace
}  // namespace dsrun::test
