// Schedules on a terminal: what a small one looks like, and that large ones keep to their width.
#include <gtest/gtest.h>

#include <sstream>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/report/chart/text.hpp"
#include "cluster/report/chart/units.hpp"
#include "dsl/text/utf8.hpp"
#include "tests/cluster/unit_replay.hpp"

namespace dsrun {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Without what only colours.
std::string plain(const std::string& text) {
  std::string shown;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\x1b')
      at = text.find('m', at);
    else
      shown += text[at];
  }
  return shown;
}

std::string unit_chart(const Job& job, const ChartOptions& options = {}) {
  const Plan plan = make_plan(job);
  return schedule_chart(test::UnitReplay(plan).run(), plan, options);
}

TEST(ScheduleChart, of_1f1b_is_golden) {
  EXPECT_EQ(unit_chart(test::chart_job("1f1b", 2), {.columns = 79}),
            R"(1f1b, 4 microbatches: a step of 33.0 s, bubble 18.2 %
rank 0 F0FFF1FF........B0BBBBBBF2FFB1BBBBBBF3FFB2BBBBBB....B3BBBBBBSSSSSS  18 %
rank 1 ....F0FFB0BBBBBBF1FFB1BBBBBBF2FFB2BBBBBBF3FFB3BBBBBBSS........SSSS  18 %
       ┴───────────────────┴───────────────────┴───────────────────┴─────  idle
       0                   10 s                20 s                30 s
F forward  B backward  S step's end  . idle
)");
}

TEST(ScheduleChart, of_dualpipe_is_golden) {
  EXPECT_EQ(unit_chart(test::chart_job("dualpipe", 4), {.columns = 64}),
            R"(dualpipe, 8 microbatches: a step of 51.0 s, bubble 5.9 %
rank 0 F0F1F2f0i0w0f1X3&1X..x2&0xb2bb.x3&1xb3bbI2W2I3W3SSS   6 %
rank 1 ..F0f0F1f1F2b0bbx2&0xX3&1Xx3&1xb2bbB2BB.i3I3w3W3SSS   6 %
rank 2 ..F0f0F1f1F2b0bbx2&0xX3&1Xx3&1xb2bbB2BB.i3I3w3W3SSS   6 %
rank 3 F0F1F2f0i0w0f1X3&1X..x2&0xb2bb.x3&1xb3bbI2W2I3W3SSS   6 %
       ┴───────────────────┴───────────────────┴──────────  idle
       0                   20 s                40 s
F forward  B backward  I input gradient  W weight gradient
X F and B at once  S step's end  . idle
small letters: the rank's other stages
)");
}

TEST(ScheduleChart, keeps_to_its_columns) {
  for (const Job& job : {test::chart_job("1f1b", 2, 4, 64), test::chart_job("dualpipe", 4, 4, 64)}) {
    const Plan plan = make_plan(job);
    const Replayed replayed = test::UnitReplay(plan).run();
    for (int columns = 20; columns < 130; ++columns)
      for (const int max_lanes : {1, 32}) {
        const std::string chart = schedule_chart(replayed, plan, {.columns = columns, .max_lanes = max_lanes});
        for (const std::string& line : lines_of(chart))
          ASSERT_LE(num_characters(line), static_cast<std::size_t>(columns)) << chart;
      }
  }
}

TEST(ScheduleChart, colours_only_colour) {
  const Job job = test::chart_job("dualpipe", 4);
  const std::string coloured = unit_chart(job, {.colour = true}), plain_chart = unit_chart(job, {.colour = false});
  EXPECT_NE(coloured, plain_chart);
  EXPECT_EQ(plain(coloured), plain_chart);
  EXPECT_EQ(plain_chart.find('\x1b'), std::string::npos);
}

TEST(ScheduleChart, names_the_lanes_and_those_left_out) {
  const Job job = test::chart_job("1f1b", 5, 3);
  const std::string all = unit_chart(job);
  for (const char* ranks : {"  0–2 ", "  3–5 ", "  6–8 ", " 9–11 ", "12–14 "})
    EXPECT_NE(all.find(ranks), std::string::npos) << ranks << '\n' << all;
  EXPECT_EQ(all.find("left out"), std::string::npos);
  const std::string some = unit_chart(job, {.max_lanes = 2});
  EXPECT_NE(some.find("3 more lanes are left out: ranks 6–14"), std::string::npos) << some;
}

// However many instructions share a column, each kind is seen, and dots are the lane's share of idle time.
TEST(ScheduleChart, shows_what_is_short) {
  const Plan plan = make_plan(test::chart_job("1f1b", 4, 1, 64));
  const Replayed replayed = test::UnitReplay(plan).run();
  const std::vector<std::string> lines = lines_of(schedule_chart(replayed, plan, {.columns = 60}));
  for (std::size_t rank = 0; rank < 4; ++rank) {
    const std::string cells = lines[1 + rank].substr(7, 60 - 13);
    for (const char sign : {'F', 'B', 'S', '.'}) EXPECT_NE(cells.find(sign), std::string::npos) << sign << cells;
    const auto dots = static_cast<double>(std::count(cells.begin(), cells.end(), '.'));
    const double idle = replayed.ranks[rank].idle_total() / replayed.step_seconds * static_cast<double>(cells.size());
    EXPECT_NEAR(dots, idle, 1.5) << cells;
  }
}

TEST(ScheduleChart, of_a_replayed_step_is_always_the_same) {
  const Plan plan = make_plan(test::chart_job("dualpipe", 4, 2));
  const auto chart = [&] { return schedule_chart(replay_step(plan, *catalog_model("cpu")), plan, {}); };
  const std::string first = chart();
  EXPECT_EQ(first, chart());
  EXPECT_EQ(lines_of(first).size(), 1u + 4 + 2 + 3) << first;
}

TEST(ChartLanes, cover_the_step_without_a_gap) {
  const Plan plan = make_plan(test::chart_job("dualpipe", 4));
  const Replayed replayed = replay_step(plan, *catalog_model("cpu"));
  for (const ChartLane& lane : chart_lanes(replayed, plan)) {
    double now = 0, idle = 0;
    std::size_t instructions = 0;
    for (const ChartSpan& span : lane.spans) {
      EXPECT_EQ(span.from, now);
      EXPECT_GT(span.to, span.from);
      now = span.to;
      instructions += span.instruction >= 0;
      if (span.sign == ChartSign::idle && span.idle_cause != Idle::synchronisation) idle += span.seconds();
    }
    const ReplayedRank& rank = replayed.ranks[lane.place];
    EXPECT_EQ(now, replayed.step_seconds);
    EXPECT_EQ(instructions, rank.instructions.size());
    double told = 0;  // what the replay says of causes before the step's end is what the spans have
    for (std::size_t cause = 0; cause + 1 < num_idle_causes; ++cause) told += rank.idle[cause];
    double inside = 0;
    for (const ReplayedInstruction& each : rank.instructions) inside += each.end - each.start - each.work;
    EXPECT_NEAR(idle + inside, told, 1e-9 * replayed.step_seconds);
  }
}

TEST(Units, have_three_figures) {
  EXPECT_EQ(time_text(0), "0 s");
  EXPECT_EQ(time_text(1.2345), "1.23 s");
  EXPECT_EQ(time_text(0.99951), "1.00 s");
  EXPECT_EQ(time_text(0.0123), "12.3 ms");
  EXPECT_EQ(time_text(4e-6), "4.00 µs");
  EXPECT_EQ(time_text(345.6), "346 s");
  EXPECT_EQ(tick_text(0.5, 2), "0.5 s");
  EXPECT_EQ(tick_text(0.5, 0.9), "500 ms");
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1536), "1.50 KiB");
  EXPECT_EQ(size_text(80.0 * 1024 * 1024 * 1024), "80.0 GiB");
  EXPECT_EQ(count_text(671e9), "671 G");
  EXPECT_EQ(percent_text(0.1234), "12.3 %");
  EXPECT_EQ(change_text(4, 2), "−50 %");
  EXPECT_EQ(change_text(100, 103.4), "+3.4 %");
  EXPECT_EQ(change_text(1, 5.6), "×5.60");
  EXPECT_EQ(change_text(0, 5), "");
}

}  // namespace
}  // namespace dsrun
