// The gate alone, before agents that a test plays.
#include "actors/processes/launch/gate_actor.hpp"

#include <gmock/gmock.h>

#include <future>

#include "actors/processes/net/own_address.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::int64_t gib = std::int64_t{1} << 30;

class Gate : public testing::Test {
 protected:
  Gate() {
    GateSetup setup;
    setup.options.build = "this";
    setup.options.membership.hosts = {0, 0, 1, 1};
    setup.options.hosts = {{"alpha", 6 * gib}, {"alpha", 6 * gib}};
    setup.options.clock = own_clock_name();
    setup.options.start_secs = 20;
    setup.options.freeze_secs = 5;
    setup.kill_agent = [](int) {};
    setup.on_started = [](const std::vector<caf::actor>&) {};
    setup.on_start_failed = [this](const std::string& cause) { failed_.set_value(cause); };
    gate_ = system_.spawn(gate_actor, std::move(setup));
  }
  ~Gate() override { caf::anon_send(gate_, StopOrder{}); }

  void enlist(const std::string& clock, std::int64_t available_bytes) {
    agent_->send(gate_, Enlist{"this", -1, "alpha", 1, 4, 0, available_bytes, clock});
  }
  // Answers what the gate asks of a clock that is `ahead_ns` ahead, until the word to begin comes.
  std::optional<Begin> begun(std::int64_t ahead_ns = 0) {
    std::optional<Begin> begun;
    for (bool waiting = true; waiting && !begun;)
      agent_->receive([&](const Begin& begin) { begun = begin; },
                      [&](const ClockRequest& request) {
                        ++num_questions_;
                        const auto now = system_.clock().now().time_since_epoch();
                        const std::int64_t told_ns = std::chrono::nanoseconds(now).count() + ahead_ns;
                        agent_->send(gate_, ClockReply{request.node, request.asked_ns, 0, told_ns});
                      },
                      [&](const Refused&) { waiting = false; }, caf::after(20s) >> [&] { waiting = false; });
    return begun;
  }

  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  caf::scoped_actor agent_{system_};
  std::promise<std::string> failed_;
  caf::actor gate_;
  int num_questions_ = 0;
};

TEST_F(Gate, asks_only_another_machines_clock) {
  enlist(own_clock_name(), 100 * gib);
  const auto first = begun();
  ASSERT_TRUE(first);
  EXPECT_EQ(num_questions_, 0);
  EXPECT_EQ(first->clock_ahead_ns, 0);
  enlist("another boot", 100 * gib);
  constexpr std::int64_t days_ns = 86'400'000'000'000;
  const auto second = begun(days_ns);
  ASSERT_TRUE(second);
  EXPECT_GT(num_questions_, 1);
  EXPECT_NEAR(static_cast<double>(second->clock_ahead_ns - days_ns), 0, 1e9);
}

TEST_F(Gate, counts_the_memory_of_all_agents_of_a_host) {
  enlist(own_clock_name(), 10 * gib);
  ASSERT_TRUE(begun());
  enlist(own_clock_name(), 10 * gib);
  EXPECT_FALSE(begun());
  auto cause = failed_.get_future();
  ASSERT_EQ(cause.wait_for(10s), std::future_status::ready);
  EXPECT_THAT(
      cause.get(),
      HasSubstr("too little memory on host alpha: its 4 ranks together need 12.00 GiB at their peak, and 10.00"));
}

TEST_F(Gate, takes_one_name_on_two_machines_for_two_hosts) {
  enlist(own_clock_name(), 10 * gib);
  ASSERT_TRUE(begun());
  enlist("another boot", 10 * gib);
  EXPECT_TRUE(begun());
}

}  // namespace
}  // namespace dsrun::test
