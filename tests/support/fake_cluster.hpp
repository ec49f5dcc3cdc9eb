// FakeCluster: a whole job of device cores and a coordinator core on one thread, with a virtual clock and seeded
// delays.
//
// Messages between ranks arrive after a delay that `Options` chooses, besides what the job's emulated link takes; every
// op of a rank takes `op_ns` of virtual time, or what `op_cost` says.
// A test can look at or alter any message on its way: that is how it makes an op wrong on purpose.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "actors/core/coordinator_core.hpp"
#include "cluster/traffic/link.hpp"
#include "runtime/data/sources/token_source.hpp"
#include "runtime/device/device_core.hpp"
#include "tests/support/gather.hpp"

namespace dsrun::test {

class FakeClock : public Clock {
 public:
  std::int64_t wall_ns() const override { return now_ns; }
  std::int64_t thread_cpu_ns() const override { return now_ns; }
  std::int64_t now_ns = 1;
};

struct FakeClusterOptions {
  std::uint64_t seed = 0;
  std::int64_t fixed_delay_ns = 0;
  std::int64_t random_delay_ns = 0;  // up to this much more
  std::int64_t op_ns = 1000;
  // Instead of op_ns: the virtual time of an op that has just run.
  std::function<std::int64_t(int rank, const DeviceSpan&)> op_cost;
  // What every device did and when, in virtual time.
  std::function<void(int rank, const DeviceSpan&)> on_span;
  // Called for every message between ranks and for every result; may alter it.
  std::function<void(int destination, TensorMessage&)> on_message;
  // A message between ranks for which it returns true never arrives.
  std::function<bool(int destination, const Tag&)> loses;
  std::function<void(RoundResult&)> on_result;
  StartState start;
  const Backend* backend = nullptr;  // null: the one for the job's kind of device
  std::optional<Graph> model;        // instead of the one that the job's sizes make
};

// What a run left behind.
struct FakeRun {
  std::vector<double> losses;  // by step
  std::vector<double> validation_losses;
  std::vector<std::vector<double>> validation_mtp_losses;  // by validation, prediction depth
  std::vector<StepFinished> steps;
  JobFinished finished;
  std::int64_t makespan_ns = 0;  // virtual
  bool hung = false;             // nothing left to happen, and the job not over
};

class FakeCluster {
 public:
  FakeCluster(const Job& job, std::shared_ptr<const TokenSource> corpus, FakeClusterOptions options = {});

  FakeRun run();

  // Every parameter gathered by name from the owners' master weights, in double.
  Tensors gather_weights();
  // The summed, unscaled gradients that owners hold after a step, by name.
  Tensors gather_gradients();
  Tensors gather_averages();  // of the masters, where optimizer.ema_decay asks for them

  const Plan& plan() const { return *plan_; }
  DeviceCore& device(int rank) { return *devices_[static_cast<std::size_t>(rank)]; }
  CoordinatorCore& coordinator() { return *coordinator_; }

 private:
  struct Event {
    std::int64_t at;
    std::uint64_t number;
    std::function<void()> happen;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
  };
  void at(std::int64_t when, std::function<void()> happen);
  void wake(int rank);
  void pump(int rank);
  void deliver(int rank);
  std::int64_t arrival(int rank, Outgoing& outgoing, std::int64_t leaves);
  void hear(int rank, DeviceSpan span);
  void broadcast(const std::vector<Order>& orders);
  void save_shard(int rank, std::int64_t step);
  std::int64_t delay();
  Tensors gather(Owned what);

  FakeClusterOptions options_;
  FakeClock clock_;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const BatchLoader> loader_;
  std::vector<std::unique_ptr<DeviceCore>> devices_;
  std::unique_ptr<CoordinatorCore> coordinator_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t num_events_ = 0;
  std::vector<bool> scheduled_;
  std::vector<std::int64_t> free_at_;
  std::vector<LinkPorts> ports_;  // by rank; empty: no link is emulated
  std::int64_t cost_ns_ = 0;      // of the op that has just run
  std::mt19937_64 random_;
  FakeRun run_;
};

// A small job whose model has a q latent, groups, shared experts and live biases; `set` alters it before validation.
Job small_job(const std::vector<std::string>& overrides = {});
// Deterministic pseudo-text of `num_bytes`.
std::shared_ptr<const TokenSource> small_corpus(std::size_t num_bytes = 20000, double validation_fraction = 0.05);

}  // namespace dsrun::test
