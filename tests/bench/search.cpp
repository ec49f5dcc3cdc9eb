// Prints whether `plan --search` chooses well on this machine: its first choice for two devices beside six meshes,
// schedules and recomputations that are really run, all in turn; predicted and measured, medians.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/calibrate.hpp"
#include "cluster/forecast/search.hpp"
#include "tests/support/balanced_run.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

constexpr int num_rounds = 4;
constexpr int num_steps = 6;      // of a run
constexpr int skipped_steps = 2;  // of these
constexpr int num_balancing_steps = 60;
constexpr double calibration_secs = 20;

const std::vector<std::string> sizes = {
    "model.layers=4",          "model.dense_layers=1",     "model.hidden=256",      "model.heads=8",
    "model.q_rank=96",         "model.kv_rank=64",         "model.nope_dim=32",     "model.rope_dim=16",
    "model.value_dim=32",      "model.experts=16",         "model.expert_groups=4", "model.experts_per_token=4",
    "model.expert_hidden=256", "model.dense_hidden=1024",  "batch.sequences=8",     "batch.length=192",
    "precision.compute=fp32",  "cluster.node.0.devices=2", "optimizer.lr=1e-6",     "optimizer.final_lr=0",
    "balance.bias_speed=0.02"};

const std::vector<std::vector<std::string>> six = {
    {"parallel.data=2", "parallel.expert=2", "batch.microbatches=2"},
    {"parallel.data=2", "parallel.expert=1", "batch.microbatches=2"},
    {"parallel.data=2", "parallel.expert=2", "batch.microbatches=2", "memory.recompute=full"},
    {"parallel.pipeline=2", "parallel.schedule=1f1b", "batch.microbatches=8"},
    {"parallel.pipeline=2", "parallel.schedule=zb1p", "batch.microbatches=8"},
    {"parallel.pipeline=2", "parallel.schedule=dualpipe", "batch.microbatches=8"},
};

Job job_of(std::vector<std::string> overrides) {
  overrides.insert(overrides.begin(), sizes.begin(), sizes.end());
  overrides.push_back(fmt::format("job.steps={}", num_steps));
  return small_job(overrides);
}

struct Choice {
  std::string name;
  Plan plan;
  double predicted = 0;
  std::vector<double> measured{};
  double median() const {
    std::vector<double> sorted = measured;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

Choice choice_of(const std::string& name, const Job& job, const DeviceModel& model) {
  Choice choice{name, make_plan(job)};
  choice.predicted = replay_step(choice.plan, model).step_seconds;
  return choice;
}

int run() {
  const Job base = job_of(six[0]);
  const DeviceModel model = calibrate({base, measure_peaks(base, num_cores()), calibration_secs, {}}).model;
  const SearchResult found = search_plans(base, model);
  std::vector<Choice> choices;
  const std::string first = fmt::format("{}", fmt::join(overrides_of(found.fastest.at(0)), " "));
  choices.push_back(choice_of(first, found.fastest[0].job, model));
  for (const auto& overrides : six)
    choices.push_back(choice_of(fmt::format("{}", fmt::join(overrides, " ")), job_of(overrides), model));
  const Biases biases = balanced_biases(base, num_balancing_steps);
  for (int round = 0; round < num_rounds; ++round)
    for (Choice& each : choices)
      run_balanced(random_launch(each.plan), biases, skipped_steps,
                   [&](const StepFinished& step) { each.measured.push_back(step.metrics.step_seconds); });
  fmt::print("{} candidates; the first is the search's choice\n{:>10} {:>10}\n", found.num_valid, "predicted",
             "measured");
  double best = choices[1].median();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    fmt::print("{:>7.1f} ms {:>7.1f} ms  {}\n", 1e3 * choices[i].predicted, 1e3 * choices[i].median(), choices[i].name);
    if (i > 0) best = std::min(best, choices[i].median());
  }
  fmt::print("the choice takes {:.3f} of the best of the six\n", choices[0].median() / best);
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main() { return dsrun::test::run(); }
