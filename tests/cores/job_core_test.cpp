// The coordinator's decisions about members, without an actor, without a file and without waiting.
#include "actors/core/job_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cores/effects.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Two ranks whose devices a test plays, on a job of no step: its first order is to save.
class JobCoreTest : public testing::Test {
 protected:
  explicit JobCoreTest(bool agents = false)
      : job_(small_job(
            {"parallel.pipeline=2", "job.steps=0", "data.validation_fraction=0", "cluster.peer_timeout_secs=2"})),
        membership_(membership_of(std::make_shared<Plan>(make_plan(job_)), 5)),
        core_(membership_, std::make_shared<BatchLoader>(job_, small_corpus(20000, 0)), {},
              {{{0}, agents ? "alpha" : ""}, {{1}, agents ? "beta" : ""}}, 0) {}

  std::vector<JobCore::Effect> effects() { return core_.take_effects(); }
  template <class Ordered>
  static std::vector<Ordered> orders(const std::vector<JobCore::Effect>& effects) {
    std::vector<Ordered> all;
    for (const auto& each : all_of<JobCore::ToMembers>(effects))
      if (const auto* order = std::get_if<Ordered>(&each.order)) all.push_back(*order);
    return all;
  }
  static std::optional<JobFinished> finished(const std::vector<JobCore::Effect>& effects) {
    std::optional<JobFinished> last;
    for (const auto& each : all_of<JobCore::Tell>(effects))
      if (const auto* told = std::get_if<JobFinished>(&each.progress)) last = *told;
    return last;
  }
  static DeviceFault wait_of(int rank, int on_rank) {
    DeviceFault fault;
    fault.rank = rank;
    fault.op = "attention forward";
    fault.cause = FaultCause::wait;
    fault.secs = 2;
    fault.waits = {Tag{}};
    fault.waits[0].source = on_rank;
    return fault;
  }
  void save() {
    for (int rank : {0, 1}) core_.on_ready({rank}, 0);
    for (int rank : {0, 1}) core_.on_saved({rank, 0, "{}"}, 0);
  }

  Job job_;
  Membership membership_;
  JobCore core_;
};

class JobCoreOfAgents : public JobCoreTest {
 protected:
  JobCoreOfAgents() : JobCoreTest(true) {}
};

TEST_F(JobCoreTest, nothing_follows_a_save_before_its_commit_is_answered) {
  save();
  const auto after = effects();
  EXPECT_THAT(orders<SaveOrder>(after), SizeIs(1));
  ASSERT_THAT(all_of<JobCore::Commit>(after), SizeIs(1));
  EXPECT_THAT(all_of<JobCore::Commit>(after)[0].save.shards, SizeIs(2));
  EXPECT_THAT(all_of<JobCore::Tell>(after), IsEmpty());
  EXPECT_FALSE(core_.finished());
  core_.on_committed(3 * second_ns);
  const auto told = all_of<JobCore::Tell>(effects());
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(std::get<SaveFinished>(told[0].progress).seconds, 3);
  EXPECT_EQ(std::get<JobFinished>(told[1].progress).outcome, Outcome::completed);
}

TEST_F(JobCoreTest, a_commit_that_fails_is_no_save) {
  save();
  effects();
  core_.on_commit_failed("read-only file system");
  const auto after = effects();
  ASSERT_THAT(all_of<JobCore::Tell>(after), SizeIs(1));
  EXPECT_EQ(finished(after)->outcome, Outcome::storage_failed);
  EXPECT_EQ(finished(after)->cause, "the checkpoint of step 0: read-only file system");
  EXPECT_THAT(orders<StopOrder>(after), SizeIs(1));
}

TEST_F(JobCoreTest, a_fault_while_a_save_is_committed_ends_the_job_and_the_answer_comes_too_late) {
  save();
  DeviceFault fault;
  fault.rank = 1;
  fault.op = "exchange";
  fault.detail = "out of luck";
  core_.on_fault(fault);
  core_.on_committed(second_ns);
  const auto told = all_of<JobCore::Tell>(effects());
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(std::get<JobFinished>(told[0].progress).cause, "rank 1: exchange: out of luck");
  EXPECT_EQ(std::get<JobFinished>(told[0].progress).fault->op, "exchange");
}

TEST_F(JobCoreTest, a_commit_that_does_not_end_is_a_storage_fault_and_the_job_ends_without_it) {
  save();
  const auto wakes = all_of<JobCore::WakeIn>(effects());
  const auto of_commit = std::find_if(wakes.begin(), wakes.end(),
                                      [](const JobCore::WakeIn& wake) { return wake.timer == JobCore::Timer::commit; });
  ASSERT_NE(of_commit, wakes.end());
  EXPECT_EQ(of_commit->secs, 20);
  core_.on_timer(JobCore::Timer::commit, 19 * second_ns);  // an earlier commit's
  EXPECT_FALSE(core_.finished());
  core_.on_timer(JobCore::Timer::commit, 20 * second_ns);
  const auto told = finished(effects());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->outcome, Outcome::storage_failed);
  EXPECT_EQ(told->cause, "the checkpoint of step 0: the disk has not finished writing it after 20 s");
  for (int member : {0, 1}) core_.on_member_ended(member, "user exit");
  EXPECT_THAT(all_of<JobCore::End>(effects()), IsEmpty()) << "the commit may yet end";
  core_.on_timer(JobCore::Timer::end, 30 * second_ns);
  const auto ended = all_of<JobCore::End>(effects());
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_FALSE(ended[0].all_over);
}

TEST_F(JobCoreTest, the_end_waits_for_a_commit_under_way) {
  save();
  core_.on_stop_request();
  core_.on_stop_request();
  for (int member : {0, 1}) core_.on_member_ended(member, "user exit");
  EXPECT_THAT(all_of<JobCore::End>(effects()), IsEmpty());
  core_.on_committed(second_ns);
  const auto ended = all_of<JobCore::End>(effects());
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_TRUE(ended[0].all_over);
}

TEST_F(JobCoreTest, a_wait_asks_everybody_and_names_who_says_nothing) {
  core_.on_fault(wait_of(0, 1));
  const auto asked = effects();
  EXPECT_THAT(orders<WaitsRequest>(asked), SizeIs(1));
  EXPECT_FALSE(finished(asked));
  core_.on_waits({0, {}, "attention"}, second_ns);
  core_.on_timer(JobCore::Timer::cause, second_ns);
  const auto told = finished(effects());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->outcome, Outcome::failed);
  EXPECT_THAT(told->cause, HasSubstr("rank 0: attention forward: waited 2 s for "));
  EXPECT_THAT(told->cause, HasSubstr("; rank 1 does not answer"));
  ASSERT_TRUE(told->fault);
  EXPECT_EQ(told->fault->lost(), Lost::step);
}

TEST_F(JobCoreTest, a_loss_seen_explains_more_than_a_wait_felt_and_a_cause_ends_at_once) {
  core_.on_fault(wait_of(0, 1));
  DeviceFault loss;
  loss.rank = 1;
  loss.host = "beta";
  loss.cause = FaultCause::process_ended;
  loss.detail = "killed by signal 9";
  core_.on_fault(loss);
  core_.on_fault(wait_of(0, 1));
  const auto asked = effects();
  EXPECT_THAT(orders<WaitsRequest>(asked), SizeIs(1)) << "members are asked once";
  core_.on_waits({0, wait_of(0, 1).waits, "attention"}, 0);
  core_.on_timer(JobCore::Timer::cause, 0);
  EXPECT_THAT(finished(effects())->cause,
              testing::AllOf(HasSubstr("rank 1: its process on host beta: killed by signal 9"),
                             HasSubstr("; rank 0 waits for activations")));
}

TEST_F(JobCoreTest, a_device_that_answers_nothing_is_named_after_ten_timeouts) {
  for (int tick = 1; tick <= 10; ++tick) {
    const std::int64_t now = tick * 2 * second_ns;
    core_.on_waits({0, {}, "reading"}, now);
    core_.on_timer(JobCore::Timer::silence, now);
  }
  EXPECT_FALSE(finished(effects()));
  core_.on_timer(JobCore::Timer::silence, 21 * second_ns);
  const auto told = finished(effects());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->cause, "rank 1: its actor: has answered nothing for 21 s");
}

TEST_F(JobCoreTest, ends_when_all_members_have_ended_or_their_time_is_over) {
  core_.on_stop_request();
  core_.on_stop_request();
  const auto stopped = effects();
  EXPECT_EQ(finished(stopped)->outcome, Outcome::aborted);
  EXPECT_THAT(all_of<JobCore::End>(stopped), IsEmpty());
  core_.on_member_ended(0, "user exit");
  EXPECT_THAT(all_of<JobCore::End>(effects()), IsEmpty());
  core_.on_timer(JobCore::Timer::end, 10 * second_ns);
  const auto ended = all_of<JobCore::End>(effects());
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_FALSE(ended[0].all_over);
  core_.on_member_ended(1, "user exit");
  EXPECT_THAT(all_of<JobCore::End>(effects()), IsEmpty()) << "once";
}

TEST_F(JobCoreTest, a_devices_actor_that_ends_is_a_cause) {
  core_.on_member_ended(1, "killed");
  EXPECT_EQ(finished(effects())->cause, "rank 1: its actor ended: killed");
}

TEST_F(JobCoreOfAgents, an_agents_connection_that_ends_waits_for_whoever_saw_more) {
  core_.on_member_ended(1, "remote link unreachable");
  EXPECT_FALSE(finished(effects()));
  core_.on_timer(JobCore::Timer::cause, 0);
  EXPECT_THAT(finished(effects())->cause, HasSubstr("rank 1: the agent of host beta ended: remote link unreachable"));
}

TEST_F(JobCoreTest, a_listener_that_throws_twice_is_told_once) {
  core_.on_listener_failed(Outcome::storage_failed, "disk full");
  EXPECT_EQ(finished(effects())->outcome, Outcome::storage_failed);
  core_.on_listener_failed(Outcome::failed, "disk full");
  EXPECT_THAT(effects(), IsEmpty());
}

}  // namespace
}  // namespace dsrun::test
