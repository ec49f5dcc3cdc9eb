// The doctor's decisions, without an actor and without waiting.
#include "actors/core/doctor_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cores/effects.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DoctorCoreTest : public testing::Test {
 protected:
  static ExaminationOptions options() {
    ExaminationOptions options;
    options.build = "this";
    options.hosts = {"alpha", "beta"};
    options.faults = {"", ""};
    options.start_secs = 20;
    options.examine_secs = 10;
    options.link_secs = 12;
    return options;
  }
  // Carries out what needs no test: clocks are asked until they have answered often enough.
  void answer_clocks() {
    for (bool any = true; any;) {
      any = false;
      for (DoctorCore::Effect& effect : core_.take_effects()) {
        const auto* to = std::get_if<DoctorCore::ToAgent>(&effect);
        const auto* asked = to != nullptr ? std::get_if<ClockRequest>(&to->message) : nullptr;
        if (asked != nullptr) core_.on_clock({asked->node, asked->asked_ns, asked->asked_ns, 0}, asked->asked_ns);
        any = any || asked != nullptr;
        if (const auto* wake = std::get_if<DoctorCore::WakeIn>(&effect)) deadline_ = wake->number;
        seen_.push_back(std::move(effect));
      }
    }
  }
  void examine(int node, const std::string& name) {
    core_.on_enlist(node, {"this", -1, name, 1, 4, 0, 0, "own"}, 0);
    answer_clocks();
    HostReport report;
    report.node = node;
    report.host = name;
    core_.on_examined(report);
    answer_clocks();
  }
  void measure(int link) {
    for (int end : {0, 1}) core_.on_address({link, end, "address"});
    LinkMeasure measured;
    measured.latency_secs = 1e-6;
    core_.on_measured({link, measured});
    answer_clocks();
  }
  std::optional<DoctorCore::End> ended() const {
    const auto all = all_of<DoctorCore::End>(seen_);
    return all.empty() ? std::nullopt : std::optional(all.front());
  }

  DoctorCore core_{options()};
  std::vector<DoctorCore::Effect> seen_;
  int deadline_ = 0;
};

TEST_F(DoctorCoreTest, measures_inside_every_host_then_between_them_and_lets_agents_go) {
  examine(0, "alpha");
  examine(1, "beta");
  for (int node : {0, 1}) core_.on_probes({node, ""});
  answer_clocks();
  for (int link : {0, 1, 2}) measure(link);
  for (int node : {0, 1}) core_.on_farewell({node});
  answer_clocks();
  EXPECT_THAT(all_of<DoctorCore::Measured>(seen_), SizeIs(3));
  ASSERT_TRUE(ended());
  ASSERT_THAT(ended()->links, SizeIs(3));
  EXPECT_EQ(ended()->links[2].from_node, 0);
  EXPECT_EQ(ended()->links[2].to_node, 1);
  const std::vector<LinkMeasure> links = ended()->links;
  for (const LinkMeasure& link : links) EXPECT_EQ(link.fault, "");
}

TEST_F(DoctorCoreTest, a_host_that_nobody_comes_from_is_a_report_that_says_so) {
  examine(0, "alpha");
  core_.on_timer(deadline_);
  answer_clocks();
  core_.on_probes({0, ""});
  answer_clocks();
  measure(0);
  core_.on_farewell({0});
  answer_clocks();
  ASSERT_TRUE(ended());
  EXPECT_EQ(ended()->reports[0].fault, "");
  EXPECT_EQ(ended()->reports[1].fault, "no agent came from there in 20 s");
  EXPECT_THAT(ended()->links, SizeIs(1));
}

TEST_F(DoctorCoreTest, an_agent_lost_while_a_link_is_measured_costs_its_own_links_alone) {
  examine(0, "alpha");
  examine(1, "beta");
  for (int node : {0, 1}) core_.on_probes({node, ""});
  answer_clocks();
  measure(0);
  core_.on_lost(1, "its agent is gone");  // while its inside is measured
  answer_clocks();
  core_.on_farewell({0});
  answer_clocks();
  ASSERT_TRUE(ended());
  EXPECT_EQ(ended()->links[0].fault, "");
  EXPECT_EQ(ended()->links[1].fault, "its agent is gone");
  EXPECT_THAT(ended()->links[2].fault, HasSubstr("beta: its agent is gone"));
}

TEST_F(DoctorCoreTest, a_deadline_set_for_what_has_come_counts_no_more) {
  answer_clocks();
  const int for_hosts = deadline_;
  examine(0, "alpha");
  examine(1, "beta");
  core_.on_timer(for_hosts);
  for (int node : {0, 1}) core_.on_probes({node, ""});
  answer_clocks();
  EXPECT_THAT(all_of<DoctorCore::ToExaminer>(seen_), SizeIs(2)) << "the first link is under way";
}

TEST_F(DoctorCoreTest, a_person_who_stops_it_gets_what_is_known) {
  examine(0, "alpha");
  core_.on_stop_request();
  answer_clocks();
  core_.on_timer(deadline_);
  answer_clocks();
  ASSERT_TRUE(ended());
  EXPECT_EQ(ended()->reports[0].fault, "");
  EXPECT_EQ(ended()->reports[1].fault, "interrupted");
  EXPECT_THAT(ended()->links, IsEmpty());
}

TEST_F(DoctorCoreTest, another_build_is_refused_and_reported) {
  core_.on_enlist(0, {"that", -1, "alpha", 1, 4, 0, 0, "own"}, 0);
  answer_clocks();
  ASSERT_THAT(all_of<DoctorCore::ToAgent>(seen_), SizeIs(1));
  core_.on_stop_request();
  core_.on_timer(deadline_);
  answer_clocks();
  ASSERT_TRUE(ended());
  EXPECT_EQ(ended()->reports[0].fault, "another build of dsrun");
}

}  // namespace
}  // namespace dsrun::test
