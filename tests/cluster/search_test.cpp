// Search and advice: what they offer must hold.
#include "cluster/forecast/search.hpp"

#include <gtest/gtest.h>

#include <set>

#include "cluster/forecast/advice.hpp"
#include "cluster/forecast/devices/device_catalog.hpp"
#include "dsl/validate.hpp"
#include "runtime/schedule/schedule.hpp"
#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

Job wide_job() {  // as a parser would have made it
  Job job = test::layout_job("1f1b", 1, 8, 1);
  job.model.layers = 8;
  job.run.name = "wide";
  job.cluster.peer_timeout_secs = 60;
  job.batch.sequences = 64;
  job.batch.microbatches = 4;
  job.cluster.nodes = {{"localhost", 8, "h800"}};
  job.parallel.layers_per_stage.clear();
  return job;
}

TEST(Search, tries_valid_jobs_of_every_schedule_on_the_same_devices) {
  const Job job = wide_job();
  std::set<std::string> schedules_tried;
  std::set<std::string> distinct;
  for (const Job& each : search_space(job)) {
    EXPECT_TRUE(is_valid(each));
    EXPECT_EQ(each.world_size(), 8);
    EXPECT_EQ(each.batch.sequences, 64);
    schedules_tried.insert(each.parallel.schedule);
    std::string name;
    for (const std::string& text : overrides_of({each})) name += text + " ";
    EXPECT_TRUE(distinct.insert(name).second) << name << " twice";
  }
  EXPECT_EQ(schedules_tried.size(), schedules().size());
  EXPECT_GT(distinct.size(), 100u);
}

// So few that all of them can be replayed, under sanitizers too.
Job narrow_job() {
  Job job = wide_job();
  job.model.layers = 2;
  job.parallel.data = 2;
  job.batch.sequences = 16;
  job.cluster.nodes = {{"localhost", 2, "h800"}};
  return job;
}

TEST(Search, finds_what_replaying_everything_finds) {
  const Job job = narrow_job();
  const DeviceModel model = *catalog_model("h800");
  const SearchResult pruned = search_plans(job, model, {.keep = 3});
  const SearchResult all = search_plans(job, model, {.keep = 100000});
  EXPECT_EQ(all.num_replayed, all.num_valid);
  EXPECT_LT(pruned.num_replayed, pruned.num_valid);
  EXPECT_EQ(pruned.num_replayed + pruned.num_bounded + pruned.num_too_large, pruned.num_valid);
  ASSERT_EQ(pruned.fastest.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(pruned.fastest[i].step_seconds, all.fastest[i].step_seconds);
  EXPECT_TRUE(std::is_sorted(all.fastest.begin(), all.fastest.end(),
                             [](const Candidate& a, const Candidate& b) { return a.step_seconds < b.step_seconds; }));
}

TEST(Search, keeps_within_memory) {
  const Job job = narrow_job();
  const DeviceModel model = *catalog_model("h800");
  const SearchResult all = search_plans(job, model, {.keep = 100000});
  std::int64_t least = all.fastest[0].peak, most = least;
  for (const Candidate& each : all.fastest) {
    least = std::min(least, each.peak);
    most = std::max(most, each.peak);
  }
  const SearchResult some = search_plans(job, model, {.keep = 100000, .capacity = (least + most) / 2});
  EXPECT_GT(some.num_too_large, 0);
  EXPECT_FALSE(some.fastest.empty());
  for (const Candidate& each : some.fastest) EXPECT_LE(each.peak, (least + most) / 2);
  EXPECT_TRUE(search_plans(job, model, {.capacity = 1}).fastest.empty());
}

TEST(Advice, names_changes_that_help_and_by_how_much) {
  const Job job = wide_job();
  const std::int64_t now = largest_peak(plan_memory(make_plan(job), {}));
  const std::vector<Advice> advice = advise_on_memory(job, now - 1, {});
  ASSERT_FALSE(advice.empty());
  for (const Advice& each : advice) {
    EXPECT_LT(each.peak, now) << each.change;
    EXPECT_TRUE(each.fits) << each.change;
  }
  bool full = false;
  for (const Advice& each : advice) full = full || each.change == "memory.recompute = \"full\"";
  EXPECT_TRUE(full);
  for (const Advice& each : advise_on_memory(job, 1, {})) EXPECT_FALSE(each.fits);
}

}  // namespace
}  // namespace dsrun
