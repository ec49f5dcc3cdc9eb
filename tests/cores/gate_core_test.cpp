// The gate's decisions, without an actor and without waiting.
#include "actors/core/gate_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cores/effects.hpp"

namespace dsrun::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t gib = std::int64_t{1} << 30;
GateOptions two_hosts() {
  GateOptions options;
  options.build = "this";
  options.membership.generation = 7;
  options.membership.hosts = {0, 0, 1, 1};
  options.hosts = {{"alpha", 6 * gib}, {"beta", 6 * gib}};
  options.clock = "own";
  options.start_secs = 20;
  options.freeze_secs = 2;
  return options;
}

Enlist agent_on(const std::string& host, int cores = 4) { return {"this", -1, host, 1, cores, 0, 100 * gib, "own"}; }

template <class Message>
std::vector<Message> to_agents(const std::vector<GateCore::Effect>& effects) {
  return sent<Message, GateCore::ToAgent>(effects);
}

class GateCoreTest : public testing::Test {
 protected:
  std::vector<GateCore::Effect> effects() { return core_.take_effects(); }
  std::vector<std::string> refusals() {
    std::vector<std::string> reasons;
    for (const Refused& refused : to_agents<Refused>(effects())) reasons.push_back(refused.reason);
    return reasons;
  }
  void start() {
    core_.on_enlist(0, agent_on("alpha"), 0);
    core_.on_enlist(1, agent_on("beta"), 0);
    core_.on_here({0, {"a0", "a1"}});
    core_.on_here({1, {"b0", "b1"}});
    core_.on_coordinator(0);
  }
  GateCore core_{two_hosts(), 0};
};

TEST_F(GateCoreTest, introduces_everybody_once_all_are_here) {
  core_.on_enlist(0, agent_on("beta"), 0);
  core_.on_enlist(1, agent_on("alpha"), 0);
  const auto begun = to_agents<Begin>(effects());
  ASSERT_THAT(begun, SizeIs(2));
  EXPECT_EQ(begun[0].node, 1) << "by its name";
  EXPECT_EQ(begun[0].membership.generation, 7U);
  core_.on_here({1, {"b0", "b1"}});
  EXPECT_THAT(all_of<GateCore::Started>(effects()), IsEmpty());
  core_.on_here({0, {"a0", "a1"}});
  const auto started = all_of<GateCore::Started>(effects());
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_THAT(started[0].guests, ElementsAre(1, 0));
  core_.on_coordinator(0);
  const auto introduced = all_of<GateCore::Introduce>(effects());
  ASSERT_THAT(introduced, SizeIs(1));
  EXPECT_THAT(introduced[0].membership.addresses, ElementsAre("a0", "a1", "b0", "b1"));
  EXPECT_EQ(introduced[0].membership.generation, 7U);
}

TEST_F(GateCoreTest, refuses_another_build_and_whoever_comes_too_late) {
  Enlist stranger = agent_on("alpha");
  stranger.build = "that";
  core_.on_enlist(0, stranger, 0);
  EXPECT_THAT(refusals(), ElementsAre(HasSubstr("another version of dsrun: that here, this at the launcher")));
  core_.on_enlist(1, agent_on("alpha"), 0);
  core_.on_enlist(2, agent_on("beta"), 0);
  core_.on_enlist(3, agent_on("gamma"), 0);
  EXPECT_THAT(refusals(), ElementsAre("the job has all the agents that it needs"));
}

TEST_F(GateCoreTest, gives_the_place_of_an_agent_that_left_before_the_start_to_another) {
  core_.on_enlist(0, agent_on("alpha"), 0);
  core_.on_guest_gone(0);
  core_.on_enlist(1, agent_on("alpha"), 0);
  EXPECT_THAT(to_agents<Begin>(effects()), SizeIs(2));
}

TEST_F(GateCoreTest, says_who_is_missing_when_time_is_up) {
  core_.on_enlist(0, agent_on("alpha"), 0);
  core_.on_guest_gone(9);
  effects();
  core_.on_timer(GateCore::Timer::start, 20 * second_ns);
  EXPECT_THAT(all_of<GateCore::KillAgent>(effects()), SizeIs(1));
  core_.on_guest_gone(0);
  const auto failed = all_of<GateCore::StartFailed>(effects());
  ASSERT_THAT(failed, SizeIs(1)) << "only when its agent has heard of it";
  EXPECT_EQ(failed[0].cause,
            "not all hosts were there after 20 s: host alpha has an agent, but not all its devices; host beta has no "
            "agent");
}

TEST_F(GateCoreTest, a_crowd_on_few_cores_gets_more_time) {
  GateOptions options = two_hosts();
  options.membership.hosts.assign(32, 0);
  options.membership.hosts.insert(options.membership.hosts.end(), 32, 1);
  GateCore crowded(options, 0);
  crowded.on_enlist(0, agent_on("alpha", 1), 0);
  EXPECT_EQ(to_agents<Begin>(crowded.take_effects()).at(0).freeze_secs, 2 * 32 / 8.0);
  crowded.on_timer(GateCore::Timer::start, 20 * second_ns);
  const auto again = all_of<GateCore::WakeIn>(crowded.take_effects());
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].secs, 60);
}

TEST_F(GateCoreTest, tells_of_a_silent_host_and_kills_its_agent) {
  start();
  effects();
  for (std::int64_t now = 0; now <= 3 * second_ns; now += second_ns / 4) {
    core_.on_beat({7, 0}, now);
    core_.on_beat({6, 1}, now);  // of another generation: it counts for nothing
    core_.on_timer(GateCore::Timer::beat, now);
  }
  const auto after = effects();
  const auto losses = all_of<GateCore::TellLoss>(after);
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_EQ(losses[0].guest, 1);
  EXPECT_EQ(losses[0].fault.lost(), Lost::host);
  EXPECT_EQ(losses[0].fault.cause, FaultCause::agent_silent);
  EXPECT_EQ(in_words(losses[0].fault, nullptr), "rank 2: host beta (ranks 2 to 3): silent for 2 s: frozen, or cut off");
  const auto killed = all_of<GateCore::KillAgent>(after);
  ASSERT_THAT(killed, SizeIs(1));
  EXPECT_EQ(killed[0].node, 1);
}

TEST_F(GateCoreTest, an_agent_that_said_farewell_is_no_loss) {
  start();
  core_.on_farewell({0});
  core_.on_agent_ended(0, "exit code 0");
  core_.on_agent_ended(1, "killed by signal 9 (Killed)");
  const auto after = effects();
  EXPECT_THAT(to_agents<Farewell>(after), SizeIs(1));
  const auto losses = all_of<GateCore::TellLoss>(after);
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_EQ(losses[0].fault.rank, 2);
}

TEST_F(GateCoreTest, a_stop_before_the_start_is_told_when_agents_had_time_to_hear_of_it) {
  core_.on_enlist(0, agent_on("alpha"), 0);
  effects();
  core_.on_stop_request();
  auto after = effects();
  EXPECT_THAT(to_agents<StopOrder>(after), SizeIs(1));
  EXPECT_THAT(all_of<GateCore::StartFailed>(after), IsEmpty());
  core_.on_timer(GateCore::Timer::hear, 2 * second_ns);
  after = effects();
  ASSERT_THAT(all_of<GateCore::StartFailed>(after), SizeIs(1));
  EXPECT_EQ(all_of<GateCore::StartFailed>(after)[0].cause, "stopped before it began");
}

}  // namespace
}  // namespace dsrun::test
