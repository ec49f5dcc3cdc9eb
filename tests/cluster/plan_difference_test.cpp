// What differs between two plans, and how it is told.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/report/plan_difference.hpp"
#include "tests/cluster/unit_replay.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

PlanSummary summary_of(const Job& job) {
  const Plan plan = make_plan(job);
  return summarise_plan(plan, forecast_step(plan, *catalog_model("cpu")), plan_memory(plan, {}), *catalog_model("cpu"));
}

const PlanFigure& figure(const PlanDifference& difference, std::string_view name) {
  for (const PlanFigure& each : difference.figures)
    if (each.name == name) return each;
  throw std::logic_error("no figure " + std::string(name));
}

TEST(PlanDifference, of_a_plan_with_itself_is_none) {
  const PlanSummary plan = summary_of(test::chart_job("1f1b", 2, 2));
  const PlanDifference difference = compare_plans(plan, plan);
  EXPECT_TRUE(difference.none());
  EXPECT_EQ(to_string(difference), "charted -> charted\nno difference\n");
  EXPECT_TRUE(to_json(difference)["keys"].empty());
}

TEST(PlanDifference, tells_keys_and_figures) {
  Job before = test::chart_job("1f1b", 2, 1), after = test::chart_job("1f1b", 2, 2);
  after.cluster.nodes[0].devices = 2;
  after.cluster.nodes.push_back(after.cluster.nodes[0]);
  after.cluster.nodes[1].host = "there";
  const PlanDifference difference = compare_plans(summary_of(before), summary_of(after));
  const auto key = [&](const std::string& path) {
    for (const KeyChange& each : difference.keys)
      if (each.path == path) return each;
    return KeyChange{};
  };
  EXPECT_EQ(key("parallel.data").before, 1);
  EXPECT_EQ(key("parallel.data").after, 2);
  EXPECT_EQ(key("parallel.data").mark(), '~');
  EXPECT_EQ(key("cluster.node.1.host").mark(), '+');
  EXPECT_EQ(key("cluster.node.1.host").after, "there");
  EXPECT_EQ(figure(difference, "ranks").after, 4);
  EXPECT_EQ(figure(difference, "nodes").after, 2);
  EXPECT_FALSE(figure(difference, "parameters").changed());
  EXPECT_GT(figure(difference, "tokens_per_second").after, figure(difference, "tokens_per_second").before);
  EXPECT_EQ(figure(difference, "network_pipeline_bytes").before, 0);
  EXPECT_GT(figure(difference, "network_pipeline_bytes").after, 0);
  const std::string text = to_string(difference);
  for (const char* line : {"  ~ parallel.data: 1 -> 2\n", "  + cluster.node.1.host: \"there\"\n", "+100 %\n",
                           "the same within 0.05 %: ", "  + between hosts: pipeline"})
    EXPECT_NE(text.find(line), std::string::npos) << line << '\n' << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(to_string(difference, true).find("\x1b[32m+\x1b[0m cluster.node.1"), std::string::npos);
}

TEST(PlanDifference, tells_everything_in_json) {
  const PlanDifference difference =
      compare_plans(summary_of(test::chart_job("1f1b", 4)), summary_of(test::chart_job("dualpipe", 4)));
  const json told = to_json(difference);
  EXPECT_EQ(told["version"], 1);
  EXPECT_EQ(told["keys"][0],
            json({{"key", "parallel.schedule"}, {"change", "~"}, {"before", "1f1b"}, {"after", "dualpipe"}}));
  EXPECT_EQ(told["figures"].size(), difference.figures.size());
  EXPECT_EQ(told["figures"][0]["relative"], 0);
}

TEST(ChangedKeys, go_into_objects_and_lists_of_them) {
  const json before = {{"a", {{"x", 1}, {"list", {1, 2}}}}, {"nodes", {{{"n", 1}}, {{"n", 2}}}}, {"gone", {{"y", 0}}}};
  const json after = {{"a", {{"x", 1}, {"list", {1, 3}}}}, {"nodes", {{{"n", 5}}}}, {"new", {{"z", "t"}}}};
  std::string told;
  for (const KeyChange& each : changed_keys(before, after))
    told += std::string(1, each.mark()) + each.path + " " + each.before.dump() + " " + each.after.dump() + "\n";
  EXPECT_EQ(told,
            "~a.list [1,2] [1,3]\n"
            "-gone.y 0 null\n"
            "~nodes.0.n 1 5\n"
            "-nodes.1.n 2 null\n"
            "+new.z null \"t\"\n");
}

TEST(PlanDifference, keeps_terminals_safe_and_lines_short) {
  Job before = test::chart_job("1f1b", 2), after = before;
  after.run.name = "a\x1b[2Jb";
  after.data.files.assign(100, "a-file.txt");
  const std::string text = to_string(compare_plans(summary_of(before), summary_of(after)));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("…\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace dsrun
