// Prints what emulating a link costs and how exact it is: how much later than it should a device that waits for a
// message goes on, and the CPU time of a step with a link and without one.
#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "actors/launch.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

constexpr int num_steps = 20;

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Measured {
  std::vector<double> late_us;     // of each wait, sorted
  double cpu_ms = 0, wall_ms = 0;  // a step
};

Measured measure(const std::vector<std::string>& more) {
  std::vector<std::string> overrides = {
      "parallel.data=2",       "parallel.expert=2", fmt::format("job.steps={}", num_steps),
      "model.hidden=128",      "model.heads=4",     "batch.length=128",
      "precision.compute=fp32"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  const Job job = small_job(overrides);
  LaunchOptions options;
  options.plan = std::make_shared<Plan>(make_plan(job));
  options.loader = std::make_shared<BatchLoader>(job, small_corpus(1 << 18, 0));
  Measured measured;
  std::mutex mutex;
  std::array<std::int64_t, 2> due_ns{0, 0};  // by rank: when the last wait ended, if nothing has run since
  options.on_span = [&](int rank, const DeviceSpan& span) {
    std::int64_t& due = due_ns[static_cast<std::size_t>(rank)];
    if (span.what == DeviceSpan::What::idle) {
      due = span.end_ns;
    } else if (due != 0 && (span.what == DeviceSpan::What::op || span.what == DeviceSpan::What::optimizer)) {
      const std::lock_guard lock(mutex);
      measured.late_us.push_back(static_cast<double>(span.start_ns - std::exchange(due, 0)) * 1e-3);
    }
  };
  double seconds = 0;
  options.on_progress = [&](const Progressed& progress) {
    if (const auto* step = std::get_if<StepFinished>(&progress)) seconds += step->metrics.step_seconds;
  };
  JobControl control;
  const double before = process_cpu_seconds();
  const JobOutcome outcome = run_job(options, control);
  if (outcome.outcome != Outcome::completed) throw std::runtime_error(outcome.cause);
  measured.cpu_ms = 1e3 * (process_cpu_seconds() - before) / num_steps;
  measured.wall_ms = 1e3 * seconds / num_steps;
  std::sort(measured.late_us.begin(), measured.late_us.end());
  return measured;
}

void print(const char* name, const Measured& measured) {
  const auto at = [&](double share) {
    return measured.late_us[static_cast<std::size_t>(share * static_cast<double>(measured.late_us.size() - 1))];
  };
  fmt::print("{:<28} {:>6.1f} ms of CPU, {:>6.1f} ms a step", name, measured.cpu_ms, measured.wall_ms);
  if (!measured.late_us.empty())
    fmt::print("; {} waits, late by {:.0f} us in the median, {:.0f} at 90 %, {:.0f} at 99 %", measured.late_us.size(),
               at(0.5), at(0.9), at(0.99));
  fmt::print("\n");
}

int run() {
  for (int repeat = 0; repeat < 3; ++repeat) {
    print("no link", measure({}));
    print("no delay", measure({"cluster.link.gb_per_s=1e6"}));
    print("1 ms", measure({"cluster.link.latency_us=1000"}));
    print("50 us, 0.1 GB/s", measure({"cluster.link.latency_us=50", "cluster.link.gb_per_s=0.1"}));
  }
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main() { return dsrun::test::run(); }
