// Prints what two hops between nodes are worth: real actors, two nodes of two devices, whose links between nodes have a
// third of the bandwidth of those inside. Straight dispatch and two hops run in pairs; beside the clock stands what the
// replay predicts with this machine calibrated just before, and the bytes that devices counted.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/calibrate.hpp"
#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/replay.hpp"
#include "cluster/traffic/expert_traffic.hpp"
#include "tests/support/balanced_run.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

constexpr int num_pairs = 5;      // of runs, one straight and one with two hops
constexpr int num_steps = 5;      // of a run
constexpr int skipped_steps = 2;  // of these: they make primitives and touch memory first
constexpr int num_balancing_steps = 40;
constexpr double calibration_secs = 12;
constexpr double slower_between_nodes = 3;
constexpr double wire_over_compute = 4;  // what rows take between nodes, straight, over a step on free links

// A token's eight experts of 32 are on nearly every device: straight, a row crosses to both devices of the other node.
const std::vector<std::string> sizes = {"model.layers=2",
                                        "model.dense_layers=0",
                                        "model.hidden=128",
                                        "model.heads=4",
                                        "model.q_rank=48",
                                        "model.kv_rank=32",
                                        "model.nope_dim=32",
                                        "model.rope_dim=16",
                                        "model.value_dim=32",
                                        "model.experts=32",
                                        "model.experts_per_token=8",
                                        "model.expert_groups=8",
                                        "model.groups_per_token=6",
                                        "model.expert_hidden=64",
                                        "parallel.data=4",
                                        "parallel.expert=4",
                                        "parallel.schedule=dualpipev",
                                        "batch.microbatches=8",
                                        "batch.sequences=32",
                                        "batch.length=64",
                                        "precision.compute=fp32",
                                        "optimizer.lr=1e-6",
                                        "optimizer.final_lr=0",
                                        "balance.bias_speed=0.01",
                                        "cluster.node.0.devices=2",
                                        "cluster.node.1.devices=2"};

Job job_of(const std::vector<std::string>& more) {
  std::vector<std::string> all = sizes;
  all.push_back(fmt::format("job.steps={}", num_steps));
  all.insert(all.end(), more.begin(), more.end());
  return small_job(all);
}

struct Ran {
  std::vector<double> step_seconds;
  SentTraffic sent;  // over all devices and counted steps
};

Ran run_once(const Plan& plan, const Biases& biases) {
  Ran ran;
  run_balanced(random_launch(plan), biases, skipped_steps, [&](const StepFinished& step) {
    ran.step_seconds.push_back(step.metrics.step_seconds);
    ran.sent += step.sent;
  });
  return ran;
}

struct Side {
  std::string name;
  Plan plan;
  double predicted_secs = 0;
  std::vector<double> step_seconds{};
  SentTraffic sent{};  // of the last run

  void print() const {
    const auto [least, most] = std::minmax_element(step_seconds.begin(), step_seconds.end());
    fmt::print("{:<8} median {:.1f} ms a step, {:.1f} to {:.1f} in {}; replayed {:.1f} ms\n", name,
               1e3 * median(step_seconds), 1e3 * *least, 1e3 * *most, step_seconds.size(), 1e3 * predicted_secs);
    const double to_mb = 1e-6 / (num_steps - skipped_steps) / plan.mesh.size();
    for (const Way way : {Way::inside_node, Way::between_nodes}) {
      const SentTraffic::OneWay& of = sent[way];
      fmt::print("  {:<13} a device sends {:>6.2f} MB of experts in {:>7.0f} rows, {:>5.2f} MB of synchronisation\n",
                 way == Way::inside_node ? "inside nodes" : "between nodes", static_cast<double>(of.expert) * to_mb,
                 static_cast<double>(of.expert_rows) * to_mb * 1e6, static_cast<double>(of.synchronisation) * to_mb);
    }
    const double tokens = static_cast<double>(plan.tokens_per_microbatch()) * plan.job.batch.microbatches;
    const double rows = row_copies(plan, 0).network * tokens * plan.job.model.moe_layers() * 4;
    fmt::print("  the planner expects {:.0f} rows between nodes\n", rows);
  }
};

int run() {
  const Job free_job = job_of({"parallel.dispatch=direct"});
  const Biases biases = balanced_biases(free_job, num_balancing_steps);
  const Ran free = run_once(make_plan(free_job), biases);
  const double step_secs = median(free.step_seconds);
  const double crossing = static_cast<double>(free.sent[Way::between_nodes].expert) /
                          static_cast<double>(free.step_seconds.size()) / free_job.world_size();
  const double network = crossing / (wire_over_compute * step_secs) * 1e-9;
  fmt::print("on free links: {:.1f} ms a step; a device sends {:.2f} MB of experts between nodes, straight\n",
             1e3 * step_secs, crossing * 1e-6);
  fmt::print("emulated: {:.4f} GB/s between nodes, so that these take {:g} x as long as that step, {:.4f} inside\n",
             network, wire_over_compute, network * slower_between_nodes);
  const std::vector<std::string> links = {fmt::format("cluster.link.gb_per_s={:.9f}", network * slower_between_nodes),
                                          fmt::format("cluster.link.network_gb_per_s={:.9f}", network),
                                          "cluster.link.latency_us=20"};
  const auto side = [&](const std::string& name) {
    std::vector<std::string> more = links;
    more.push_back("parallel.dispatch=" + name);
    return Side{.name = name, .plan = make_plan(job_of(more))};
  };
  Side sides[2] = {side("direct"), side("two_hop")};
  const DeviceModel model = calibrate({free_job, measure_peaks(free_job, num_cores()), calibration_secs, {}}).model;
  for (Side& each : sides)
    each.predicted_secs = replay_step(each.plan, with_links(model, each.plan.job.cluster)).step_seconds;
  std::vector<double> ratios;
  for (int pair = 0; pair < num_pairs; ++pair) {
    double seconds[2] = {0, 0};
    for (std::size_t which = 0; which < 2; ++which) {
      const Ran ran = run_once(sides[which].plan, biases);
      sides[which].step_seconds.insert(sides[which].step_seconds.end(), ran.step_seconds.begin(),
                                       ran.step_seconds.end());
      sides[which].sent = ran.sent;
      seconds[which] = median(ran.step_seconds);
    }
    ratios.push_back(seconds[0] / seconds[1]);
  }
  for (const Side& each : sides) each.print();
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  fmt::print("two hops are {:.2f} x as fast (median of {} pairs; {:.2f} to {:.2f}); replayed: {:.2f} x\n",
             median(ratios), num_pairs, *least, *most, sides[0].predicted_secs / sides[1].predicted_secs);
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main() { return dsrun::test::run(); }
