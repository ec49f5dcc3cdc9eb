// What a changed key means to a job that goes on from a checkpoint is what the key's `change` column says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "dsl/keys/job_difference.hpp"
#include "dsl/keys/keys.hpp"
#include "dsl/parse.hpp"
#include "dsl/write.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

Job job_of_two_nodes() {
  const ParseResult parsed = parse_job_text("[job]\nname = \"x\"\nsteps = 10\n", "job.toml",
                                            {"parallel.data=4", "cluster.node=[{devices = 2}, {devices = 2}]"});
  EXPECT_TRUE(parsed.job) << render(parsed.faults);
  return parsed.job.value_or(Job{});
}

// The place of a key in to_json(Job); of a node's key, in the second node.
template <class Owner>
nlohmann::json& place_of(nlohmann::json& tables, const Key<Owner>& key) {
  std::string pointer = "/" + key.path();
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  if (key.table == "cluster.node") pointer.insert(std::string_view("/cluster/node").size(), "/1");
  return tables.at(nlohmann::json::json_pointer(pointer));
}

// Another value of the same type.
nlohmann::json another(const nlohmann::json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_float()) return value.get<double>() + 1;
  if (value.is_number()) return value.get<std::int64_t>() + 1;
  if (value.is_string()) return value.get<std::string>() + "x";
  nlohmann::json longer = value;
  longer.push_back("x");
  return longer;
}

template <class Owner>
void expect_what_the_column_says(const JobDifference& difference, const Key<Owner>& key) {
  const std::vector<std::string> this_key = {key.path()}, none;
  EXPECT_EQ(difference.changeable, key.change == Change::on_resume ? this_key : none) << key.path();
  EXPECT_EQ(difference.fixed, key.change == Change::never ? this_key : none) << key.path();
}

template <class Do>
void for_each_key(Do&& act) {
  for (const Key<Job>& key : job_keys()) act(key);
  for (const Key<NodeSpec>& key : node_keys()) act(key);
}

TEST(JobDifference, of_equal_jobs_is_none) {
  const Job job = job_of_two_nodes();
  EXPECT_TRUE(job_difference(to_json(job), job).none());
}

TEST(JobDifference, takes_each_key_that_differs_as_its_column_says) {
  const Job job = job_of_two_nodes();
  for_each_key([&](const auto& key) {
    nlohmann::json saved = to_json(job);
    nlohmann::json& value = place_of(saved, key);
    value = another(value);
    expect_what_the_column_says(job_difference(saved, job), key);
  });
}

// A checkpoint of an older dsrun may lack a key that was added or renamed since.
TEST(JobDifference, takes_each_key_that_is_missing_as_its_column_says) {
  const Job job = job_of_two_nodes();
  for_each_key([&](const auto& key) {
    nlohmann::json saved = to_json(job);
    place_of(saved, key) = nullptr;
    expect_what_the_column_says(job_difference(saved, job), key);
  });
}

TEST(JobDifference, names_all_keys_that_differ) {
  const Job job = job_of_two_nodes();
  nlohmann::json saved = to_json(job);
  saved["model"]["layers"] = 5;
  saved["job"]["seed"] = 2;
  saved["job"]["name"] = "y";
  saved["optimizer"]["lr"] = 0.5;
  saved["cluster"]["link"]["gb_per_s"] = 1.0;
  const JobDifference difference = job_difference(saved, job);
  EXPECT_THAT(difference.fixed, ElementsAre("job.seed", "model.layers"));
  EXPECT_THAT(difference.changeable, ElementsAre("optimizer.lr"));
}

// What shapes the saved tensors, or what they stand for: all of [model] but where its values come from, and these.
TEST(Keys, that_shape_the_saved_state_never_change) {
  std::vector<std::string> expected = {"job.seed",          "optimizer.kind",     "optimizer.moments",
                                       "precision.compute", "precision.products", "precision.saved"};
  std::vector<std::string> found;
  for (const Key<Job>& key : job_keys()) {
    if (key.table == "model" && key.name != "preset" && key.name != "init_from" && key.name != "accept")
      expected.push_back(key.path());
    if (key.change == Change::never) found.push_back(key.path());
  }
  EXPECT_THAT(found, UnorderedElementsAreArray(expected));
}

// Where a job runs, and what it keeps in memory, is free.
TEST(Keys, that_say_where_and_how_often_are_free) {
  for_each_key([](const auto& key) {
    if (!key.table.starts_with("cluster") && key.table != "memory") return;
    EXPECT_EQ(key.change, Change::free) << key.path();
  });
}

}  // namespace
}  // namespace dsrun
