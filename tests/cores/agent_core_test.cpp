// An agent's decisions, without an actor, without a process and without waiting.
#include "actors/core/agent_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cores/effects.hpp"

namespace dsrun::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

template <class Message>
std::vector<Message> to_gate(const std::vector<AgentCore::Effect>& effects) {
  return sent<Message, AgentCore::ToGate>(effects);
}

class AgentCoreTest : public testing::Test {
 protected:
  std::vector<AgentCore::Effect> effects() { return core_.take_effects(); }
  // Two devices, as processes 102 and 103.
  void begin() {
    core_.on_begin(begin_, 0);
    for (int rank : {2, 3}) core_.on_started(rank, 100 + rank, 0);
  }
  void all_here() {
    begin();
    for (int rank : {2, 3}) EXPECT_TRUE(core_.on_device_here(rank, 100 + rank, "address", 0));
    core_.on_peers(begin_.membership);
    effects();
  }
  std::vector<DeviceFault> faults() {
    std::vector<DeviceFault> all;
    for (const auto& each : all_of<AgentCore::ToCoordinator>(effects())) all.push_back(each.fault);
    return all;
  }
  Begin begin_{1, {7, nullptr, {0, 0, 1, 1}, {}}, "brief", "secret", 2.0, 0};
  AgentCore core_{Enlist{"this", -1, "beta", 1, 4, 0, 0, "own"}};
};

TEST_F(AgentCoreTest, starts_one_process_after_the_other_and_says_when_all_are_here) {
  EXPECT_THAT(to_gate<Enlist>(effects()), SizeIs(1));
  core_.on_begin(begin_, 0);
  auto started = all_of<AgentCore::StartDevice>(effects());
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_EQ(started[0].rank, 2);
  core_.on_started(2, 102, 0);
  started = all_of<AgentCore::StartDevice>(effects());
  ASSERT_THAT(started, SizeIs(1));
  EXPECT_EQ(started[0].rank, 3);
  core_.on_started(3, 103, 0);
  EXPECT_TRUE(core_.on_device_here(3, 103, "d3", 0));
  EXPECT_FALSE(core_.on_device_here(2, 999, "stranger", 0));
  EXPECT_THAT(to_gate<NodeHere>(effects()), IsEmpty());
  EXPECT_TRUE(core_.on_device_here(2, 102, "d2", 0));
  const auto here = to_gate<NodeHere>(effects());
  ASSERT_THAT(here, SizeIs(1));
  EXPECT_THAT(here[0].data_addresses, ElementsAre("d2", "d3"));
}

TEST_F(AgentCoreTest, a_process_that_cannot_start_stops_those_that_did) {
  core_.on_begin(begin_, 0);
  core_.on_started(2, 102, 0);
  effects();
  core_.on_not_started(3, "no more processes");
  const auto after = effects();
  const auto said = to_gate<StartFault>(after);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].detail, "rank 3: no more processes");
  const auto killed = all_of<AgentCore::KillProcess>(after);
  ASSERT_THAT(killed, SizeIs(1));
  EXPECT_EQ(killed[0].pid, 102);
  core_.on_process_ended(102, "killed");
  EXPECT_THAT(to_gate<Farewell>(effects()), SizeIs(1));
}

TEST_F(AgentCoreTest, a_stop_while_a_process_starts_kills_that_one_too) {
  core_.on_begin(begin_, 0);
  core_.on_stop();
  EXPECT_THAT(to_gate<Farewell>(effects()), IsEmpty());
  core_.on_started(2, 102, 0);
  const auto after = effects();
  EXPECT_THAT(all_of<AgentCore::StartDevice>(after), IsEmpty());
  EXPECT_THAT(all_of<AgentCore::KillProcess>(after), SizeIs(1));
}

TEST_F(AgentCoreTest, names_the_device_whose_process_ended) {
  all_here();
  core_.on_process_ended(103, "killed by signal 9 (Killed)");
  const auto told = faults();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].lost(), Lost::rank);
  EXPECT_EQ(in_words(told[0], nullptr), "rank 3: its process on host beta: killed by signal 9 (Killed)");
  EXPECT_THAT(core_.listening(), ElementsAre(2));
}

TEST_F(AgentCoreTest, kills_and_names_a_frozen_device) {
  all_here();
  for (std::int64_t now = 0; now <= 3 * second_ns; now += second_ns / 4) {
    core_.on_beat({7, the_gate}, now);
    core_.on_beat({7, 2}, now);
    core_.on_timer(AgentCore::Timer::beat, now);
  }
  const auto after = effects();
  const auto told = all_of<AgentCore::ToCoordinator>(after);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(in_words(told[0].fault, nullptr),
            "rank 3: its process on host beta: silent for 2 s: frozen, or its host is");
  const auto killed = all_of<AgentCore::KillProcess>(after);
  ASSERT_THAT(killed, SizeIs(1));
  EXPECT_EQ(killed[0].pid, 103);
}

TEST_F(AgentCoreTest, a_fault_before_the_coordinator_is_known_is_told_to_both) {
  begin();
  effects();
  core_.on_process_ended(102, "exit code 3");
  const auto said = to_gate<StartFault>(effects());
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].detail, "rank 2: exit code 3");
  core_.on_peers(begin_.membership);
  EXPECT_THAT(faults(), SizeIs(1));
}

TEST_F(AgentCoreTest, leaves_when_all_devices_have_ended_and_ends_when_let_go) {
  all_here();
  core_.on_stop();
  EXPECT_THAT(all_of<AgentCore::StopDevice>(effects()), SizeIs(2));
  core_.on_process_ended(102, "exit code 0");
  EXPECT_THAT(to_gate<Farewell>(effects()), IsEmpty());
  core_.on_process_ended(103, "exit code 0");
  const auto after = effects();
  EXPECT_THAT(to_gate<Farewell>(after), SizeIs(1));
  EXPECT_THAT(all_of<AgentCore::ToCoordinator>(after), IsEmpty()) << "an end on order is no loss";
  core_.on_farewell({the_gate});
  const auto ended = all_of<AgentCore::End>(effects());
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].cause, "");
}

TEST_F(AgentCoreTest, devices_that_do_not_stop_are_killed) {
  all_here();
  core_.on_stop();
  effects();
  core_.on_timer(AgentCore::Timer::stop, 4 * second_ns);
  EXPECT_THAT(all_of<AgentCore::KillAll>(effects()), SizeIs(1));
}

TEST_F(AgentCoreTest, ends_without_the_launcher) {
  const auto cause_of = [](AgentCore& core) {
    const auto ended = all_of<AgentCore::End>(core.take_effects());
    return ended.empty() ? "it lives on" : ended[0].cause;
  };
  core_.on_timer(AgentCore::Timer::begin, 30 * second_ns);
  EXPECT_EQ(cause_of(core_), "the launcher gives no answer");
  AgentCore alone(Enlist{});
  alone.on_gate_gone();
  EXPECT_EQ(cause_of(alone), "the launcher is gone");
  AgentCore cut_off(Enlist{});
  cut_off.on_begin(begin_, 0);
  for (int rank : {2, 3}) cut_off.on_started(rank, 100 + rank, 0);
  for (std::int64_t now = 0; now <= 3 * second_ns; now += second_ns / 4) cut_off.on_timer(AgentCore::Timer::beat, now);
  EXPECT_EQ(cause_of(cut_off), "the launcher has been silent for 2 s");
}

}  // namespace
}  // namespace dsrun::test
