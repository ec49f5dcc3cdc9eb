// A whole job's actors under every order in which messages may be handled: the numbers, the causes and the ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

#include "tests/actors/scheduled_job.hpp"
#include "tests/support/trials.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> scheduled_p2_d2_e2 = {
    "parallel.schedule=dualpipe", "parallel.pipeline=2",  "parallel.data=2",
    "parallel.expert=2",          "batch.microbatches=4", "job.steps=3"};

Job job_with(std::vector<std::string> more = {}) {
  std::vector<std::string> overrides = scheduled_p2_d2_e2;
  overrides.insert(overrides.end(), more.begin(), more.end());
  return small_job(overrides);
}

// Answers as a device does until training starts, then does `what`.
caf::actor impostor(caf::actor_system& system, bool dies) {
  return system.spawn([dies](caf::event_based_actor* self) -> caf::behavior {
    auto coordinator = std::make_shared<caf::actor>();
    return {
        [coordinator](Connect& message) { *coordinator = message.coordinator; },
        [self, coordinator](const Configure& message) { self->send(*coordinator, Ready{message.setup->rank}); },
        [self, dies](const RoundOrder&) {
          if (dies) self->quit(caf::exit_reason::kill);
        },
        [](const TensorMessage&) {},
        [](WaitsRequest) {},
        [](StopOrder) {},
    };
  });
}

TEST(Scheduler, N2_any_order_of_handling_gives_equal_bits) {
  const Job job = job_with();
  FakeCluster reference(job, small_corpus());
  const FakeRun expected = reference.run();
  const Tensors weights = reference.gather_weights();
  ASSERT_EQ(expected.losses.size(), 3U);
  for (std::uint64_t seed = 1; seed <= std::uint64_t{trials(50)}; ++seed) {
    const ScheduledRun run = ScheduledJob(job, seed).run();
    ASSERT_EQ(run.finished.outcome, Outcome::completed) << "seed " << seed << ": " << run.finished.cause;
    EXPECT_TRUE(run.all_over) << "seed " << seed;
    EXPECT_EQ(run.losses, expected.losses) << "seed " << seed;
    EXPECT_EQ(run.validation_losses, expected.validation_losses) << "seed " << seed;
    EXPECT_EQ(run.weights, weights) << "seed " << seed;
    EXPECT_EQ(run.saves, std::vector<std::int64_t>{3}) << "seed " << seed;
  }
}

// A link slow enough for messages to overtake each other's due times, on the scheduler's clock.
TEST(Scheduler, N2_an_emulated_link_changes_no_bit) {
  FakeCluster reference(job_with(), small_corpus());
  const FakeRun expected = reference.run();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const ScheduledRun run =
        ScheduledJob(job_with({"cluster.link.latency_us=300", "cluster.link.gb_per_s=0.001"}), seed).run();
    ASSERT_EQ(run.finished.outcome, Outcome::completed) << "seed " << seed << ": " << run.finished.cause;
    EXPECT_TRUE(run.all_over);
    EXPECT_EQ(run.losses, expected.losses) << "seed " << seed;
    EXPECT_EQ(run.weights, reference.gather_weights()) << "seed " << seed;
  }
}

TEST(Scheduler, R2_a_message_on_a_long_way_is_no_silence) {
  // Nothing but shards of gradients and weights is sent, and each is longer on its way than the deadline.
  const ScheduledRun run =
      ScheduledJob(job_with({"parallel.schedule=1f1b", "parallel.pipeline=1", "parallel.expert=1", "job.steps=1",
                             "cluster.peer_timeout_secs=0.5", "cluster.link.gb_per_s=1e-5"}))
          .run();
  EXPECT_EQ(run.finished.outcome, Outcome::completed) << run.finished.cause;
}

TEST(Scheduler, a_job_on_a_link_that_stops_leaves_no_device_behind) {
  ScheduledJob job(job_with({"job.steps=50", "cluster.link.latency_us=10000"}));
  job.on_progress = [](const Progressed& progress, const caf::actor& coordinator) {
    if (!std::holds_alternative<StepFinished>(progress)) return;
    caf::anon_send(coordinator, StopRequest{});
    caf::anon_send(coordinator, StopRequest{});  // at once, with messages on their way
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::aborted);
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, R2_a_silent_device_on_a_link_is_named_all_the_same) {
  ScheduledJob job(job_with({"cluster.peer_timeout_secs=5", "cluster.link.latency_us=1000"}));
  job.replace_device = [](int rank, caf::actor_system& system) {
    return rank == 1 ? impostor(system, false) : caf::actor();
  };
  const ScheduledRun run = job.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("from rank 1"));
}

TEST(Scheduler, a_device_that_throws_ends_the_job_with_rank_op_and_microbatch) {
  ScheduledJob job(job_with());
  job.alter_setup = [](DeviceSetup& setup) {
    if (setup.rank == 2)
      setup.on_span = [](const DeviceSpan& span) {
        if (span.op == Op::attention && span.microbatch == 1) throw std::runtime_error("out of luck");
      };
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("rank 2: "));
  EXPECT_THAT(run.finished.cause, HasSubstr("attention"));
  EXPECT_THAT(run.finished.cause, HasSubstr("microbatch 1"));
  EXPECT_THAT(run.finished.cause, HasSubstr("out of luck"));
  EXPECT_TRUE(run.all_over);
  EXPECT_TRUE(run.saves.empty());
}

TEST(Scheduler, a_loss_that_is_not_finite_is_named_where_it_is_computed) {
  ScheduledJob job(job_with({"precision.compute=fp32"}));
  job.alter_setup = [](DeviceSetup& setup) {
    if (setup.rank != 0) return;
    setup.restore = [](DeviceCore& core) {
      const Buffer& weights = core.parameters().buckets()[0].weights;
      std::fill_n(reinterpret_cast<float*>(weights.data()), weights.size() / sizeof(float),
                  std::numeric_limits<float>::quiet_NaN());
    };
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  for (const char* words : {"rank ", "head_loss forward", "microbatch ", "not finite"})
    EXPECT_THAT(run.finished.cause, HasSubstr(words));
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, a_stop_request_finishes_the_step_saves_and_stops) {
  ScheduledJob job(job_with({"job.steps=50"}));
  job.on_progress = [](const Progressed& progress, const caf::actor& coordinator) {
    const auto* step = std::get_if<StepFinished>(&progress);
    if (step != nullptr && step->metrics.step == 2) caf::anon_send(coordinator, StopRequest{});
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::stopped);
  ASSERT_EQ(run.saves.size(), 1U);
  EXPECT_LE(run.saves[0], 3);  // within a step of the request
  EXPECT_EQ(run.losses.size(), static_cast<std::size_t>(run.saves[0]));
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, a_second_stop_request_ends_without_saving) {
  ScheduledJob job(job_with({"job.steps=50"}));
  job.on_progress = [](const Progressed& progress, const caf::actor& coordinator) {
    if (!std::holds_alternative<StepFinished>(progress)) return;
    caf::anon_send(coordinator, StopRequest{});
    caf::anon_send(coordinator, StopRequest{});
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::aborted);
  EXPECT_TRUE(run.saves.empty());
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, a_save_request_saves_once_and_goes_on) {
  ScheduledJob job(job_with());
  job.on_progress = [](const Progressed& progress, const caf::actor& coordinator) {
    const auto* step = std::get_if<StepFinished>(&progress);
    if (step != nullptr && step->metrics.step == 1) caf::anon_send(coordinator, SaveRequest{});
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::completed);
  ASSERT_EQ(run.saves.size(), 2U);
  EXPECT_LE(run.saves[0], 2);
  EXPECT_EQ(run.saves[1], 3);
}

TEST(Scheduler, a_device_that_cannot_save_is_a_storage_fault) {
  ScheduledJob job(job_with());
  job.alter_setup = [](DeviceSetup& setup) {
    if (setup.rank == 1)
      setup.save = [](DeviceCore&, std::int64_t) -> std::string { throw std::runtime_error("disk full"); };
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::storage_failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("rank 1: saving its state: disk full"));
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, a_commit_that_throws_is_a_storage_fault_and_no_save) {
  ScheduledJob job(job_with());
  job.alter_coordinator = [](CoordinatorSetup& setup) {
    setup.commit = [](const SaveFinished&) { throw std::runtime_error("read-only file system"); };
  };
  const ScheduledRun run = job.run();
  EXPECT_EQ(run.finished.outcome, Outcome::storage_failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("read-only file system"));
  EXPECT_TRUE(run.saves.empty());
}

TEST(Scheduler, a_listener_that_throws_ends_the_job) {
  ScheduledJob job(job_with());
  job.on_progress = [](const Progressed& progress, const caf::actor&) {
    if (std::holds_alternative<StepFinished>(progress)) throw std::runtime_error("no space for metrics");
  };
  const ScheduledRun run = job.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("no space for metrics"));
  EXPECT_TRUE(run.all_over);
}

TEST(Scheduler, R2_a_silent_device_is_named_by_those_that_wait_for_it) {
  ScheduledJob job(job_with({"cluster.peer_timeout_secs=5"}));
  job.replace_device = [](int rank, caf::actor_system& system) {
    return rank == 1 ? impostor(system, false) : caf::actor();
  };
  const ScheduledRun run = job.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("waited 5"));
  EXPECT_THAT(run.finished.cause, HasSubstr("from rank 1"));
  EXPECT_THAT(run.finished.cause, HasSubstr("rank 1 does not answer"));
  EXPECT_FALSE(run.all_over);  // the impostor does not end either, and is given up
}

TEST(Scheduler, the_death_of_a_device_is_a_fault) {
  ScheduledJob job(job_with());
  job.replace_device = [](int rank, caf::actor_system& system) {
    return rank == 3 ? impostor(system, true) : caf::actor();
  };
  const ScheduledRun run = job.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::failed);
  EXPECT_THAT(run.finished.cause, HasSubstr("rank 3: its actor ended"));
}

}  // namespace
}  // namespace dsrun::test
