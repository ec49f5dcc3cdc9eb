// Prints how long plans take to make, as programs of their own on one core: checks of every example, the plan and
// replay of the 2,048-GPU job and how both grow with data ranks, and a search over 64 devices.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/forecast.hpp"
#include "cluster/forecast/search.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "dsl/parse.hpp"

namespace dsrun {
namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Job job_of(const std::string& file, const std::vector<std::string>& overrides) {
  const ParseResult parsed = parse_job_file(file, overrides);
  if (!parsed.job) throw std::runtime_error(parsed.faults.at(0).message);
  return *parsed.job;
}

double peak_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

void checks(const std::string& examples) {
  for (const auto& entry : std::filesystem::directory_iterator(examples)) {
    if (entry.path().extension() != ".toml") continue;
    std::vector<double> milliseconds;
    for (int i = 0; i < 9; ++i)
      milliseconds.push_back(1e3 * seconds_of([&] { (void)parse_job_file(entry.path().string(), {}); }));
    std::sort(milliseconds.begin(), milliseconds.end());
    fmt::print("  check {:<28} {:>7.2f} ms, at most {:.2f}\n", entry.path().filename().string(), milliseconds[4],
               milliseconds[8]);
  }
}

void growth(const std::string& file) {
  for (const int data : {128, 256, 512, 1024}) {
    const Job job =
        job_of(file, {fmt::format("parallel.data={}", data), fmt::format("cluster.node.0.count={}", 2 * data),
                      fmt::format("batch.sequences={}", 120 * data)});
    const DeviceModel model = with_links(*catalog_model("h800"), job.cluster);
    Plan plan = make_plan(job);
    const double planning = seconds_of([&] {
      plan = make_plan(job);
      (void)plan_memory(plan, {});
    });
    Forecast forecast;
    const double replaying = seconds_of([&] { forecast = forecast_step(plan, model); });
    fmt::print("  {:>6} ranks: plan {:>6.3f} s, replay {:>6.3f} s, largest memory so far {:.2f} GiB (step {:.3f} s)\n",
               plan.mesh.size(), planning, replaying, peak_gib(), forecast.step_seconds);
  }
}

void search(const std::string& file) {
  const Job job = job_of(
      file, {"parallel.pipeline=1", "parallel.data=64", "parallel.schedule=1f1b", "parallel.expert=1",
             "batch.sequences=256", "batch.microbatches=4", "cluster.node.0.devices=64", "cluster.node.0.kind=h800"});
  SearchResult found;
  const double seconds =
      seconds_of([&] { found = search_plans(job, with_links(*catalog_model("h800"), job.cluster), {}); });
  fmt::print("  64 devices: {} candidates ({} bounded, {} replayed) in {:.2f} s\n", found.num_valid, found.num_bounded,
             found.num_replayed, seconds);
}

}  // namespace
}  // namespace dsrun

int main() {
  const std::string examples = "examples";
  dsrun::checks(examples);
  dsrun::growth(examples + "/deepseek-v3-2048.toml");
  dsrun::search(examples + "/quickstart.toml");
}
