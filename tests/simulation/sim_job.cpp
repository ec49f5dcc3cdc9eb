#include "tests/simulation/sim_job.hpp"

#include <array>
#include <utility>

#include "cluster/plan.hpp"
#include "tests/simulation/sim_hears.hpp"

namespace dsrun::test {
namespace {

std::vector<std::string> overrides_of(int number) {
  std::vector<std::string> overrides = {"job.checkpoint_every_steps=1",
                                        "model.layers=2",
                                        "model.hidden=8",
                                        "model.heads=1",
                                        "model.q_rank=4",
                                        "model.kv_rank=4",
                                        "model.experts=4",
                                        "model.expert_groups=2",
                                        "model.groups_per_token=1",
                                        "model.expert_hidden=4",
                                        "model.dense_hidden=8",
                                        "batch.sequences=4",
                                        "batch.length=6",
                                        "cluster.peer_timeout_secs=3",
                                        "cluster.freeze_timeout_secs=1",
                                        "cluster.start_timeout_secs=5"};
  const auto mesh = [&](int pipeline, int data, int expert, int nodes, int devices) {
    overrides.push_back("parallel.pipeline=" + std::to_string(pipeline));
    overrides.push_back("parallel.data=" + std::to_string(data));
    overrides.push_back("parallel.expert=" + std::to_string(expert));
    overrides.push_back("batch.microbatches=" + std::to_string(pipeline));
    for (int node = 0; node < nodes; ++node)
      overrides.push_back("cluster.node." + std::to_string(node) + ".devices=" + std::to_string(devices));
  };
  switch (number) {
    case 0:
      mesh(1, 2, 2, 2, 1);
      break;
    case 1:
      mesh(2, 1, 1, 2, 1);
      break;
    case 2:
      mesh(2, 2, 2, 2, 2);
      break;
    default:
      mesh(1, 3, 1, 3, 1);
      overrides.push_back("batch.sequences=6");
  }
  return overrides;
}

// Without a world around it: what the losses have to be.
std::map<std::int64_t, double> undisturbed(const Job& job, const std::shared_ptr<const TokenSource>& text) {
  std::map<std::int64_t, double> losses;
  for (const StepFinished& step : FakeCluster(job, text).run().steps) losses[step.metrics.step] = step.metrics.loss;
  return losses;
}

SimPlan make_sim_plan(int number) {
  static const std::shared_ptr<const TokenSource> text = small_corpus(4000, 0);
  const Job job = small_job(overrides_of(number));
  return {std::make_shared<Plan>(make_plan(job)), std::make_shared<BatchLoader>(job, text), undisturbed(job, text)};
}

}  // namespace

const SimPlan& sim_plan(int number) {
  static std::array<std::optional<SimPlan>, num_sim_plans> plans;
  std::optional<SimPlan>& plan = plans.at(static_cast<std::size_t>(number));
  if (!plan) plan = make_sim_plan(number);
  return *plan;
}

std::string words_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  }
}

SimJob::SimJob(World& its_world, SimDisk& its_disk, FileSystem& its_files, const SimPlan& its_plan,
               SimOptions its_options)
    : world(its_world),
      disk(its_disk),
      files(its_files),
      plan(its_plan),
      options(its_options),
      agent_pids(static_cast<std::size_t>(plan.num_nodes()), -1),
      device_pids(static_cast<std::size_t>(plan.num_ranks()), -1),
      agents_(agent_pids.size()),
      devices_(device_pids.size()) {
  launcher_pid = world.start(options.launcher_host);
  launcher_ = std::make_unique<SimLauncher>(*this, launcher_pid);
}

SimJob::~SimJob() { world.forget(); }

void SimJob::start_agent(int node) {
  const auto index = static_cast<std::size_t>(node);
  agent_pids[index] = world.start(node);
  agents_[index] = std::make_unique<SimAgent>(*this, node, agent_pids[index]);
  world.later(agent_pids[index], world.random.between(1, 20) * ms, "agent is there",
              [agent = agents_[index].get()] { agent->carry_out_effects(); });
}

Pid SimJob::start_device(int rank, const Begin& begin) {
  const auto index = static_cast<std::size_t>(rank);
  device_pids[index] = world.start(plan.plan->placement.node_of(rank));
  devices_[index] = std::make_unique<SimDevice>(*this, rank, device_pids[index], begin);
  return device_pids[index];
}

void SimJob::end(Pid pid) {
  if (pid < 0 || !world.alive(pid)) return;
  world.kill(pid);
  if (options.mistake == JobMistake::outlives_its_agent) return;
  for (std::size_t node = 0; node < agent_pids.size(); ++node)
    if (agent_pids[node] == pid)
      for (std::size_t rank = 0; rank < device_pids.size(); ++rank)
        if (plan.plan->placement.node_of(static_cast<int>(rank)) == static_cast<int>(node)) end(device_pids[rank]);
}

void SimJob::with_disk(Pid who, std::function<void()> work, std::function<void(std::exception_ptr)> over) {
  struct Work {
    Work(std::function<void()> its_work, std::function<void(std::exception_ptr)> its_over)
        : fiber(std::move(its_work)), over(std::move(its_over)) {}
    Fiber fiber;
    std::function<void(std::exception_ptr)> over;
  };
  auto all = std::make_shared<Work>(std::move(work), std::move(over));
  auto go_on = std::make_shared<std::function<void()>>();
  const auto next = [this, who](const std::shared_ptr<std::function<void()>>& what) {
    const std::int64_t hangs = std::max<std::int64_t>(0, disk_hangs_until - world.now());
    world.later(who, hangs + options.disk_op_ns, "disk", [what] { (*what)(); });
  };
  // Owned by the events that will come, so that work whose process has ended is unwound.
  *go_on = [all, next, weak = std::weak_ptr(go_on)] {
    std::exception_ptr thrown;
    try {
      if (all->fiber.resume()) return next(weak.lock());
    } catch (const PowerLoss&) {
      throw;
    } catch (...) {
      thrown = std::current_exception();
    }
    all->over(thrown);
  };
  next(go_on);
}

void SimJob::hear_the_dead(const std::vector<Outgoing>& tensors, std::uint32_t dead_generation) {
  for (const Outgoing& outgoing : tensors) {
    SimDevice* device = devices_[static_cast<std::size_t>(outgoing.destination)].get();
    if (device == nullptr || !world.alive(device_pids[static_cast<std::size_t>(outgoing.destination)])) continue;
    TensorMessage message = outgoing.message;
    if (options.mistake == JobMistake::hears_dead_tensors) message.tag.generation = options.generation;
    device->on_tensor(std::move(message));
  }
  launcher_->hear_dead_beats(dead_generation);
}

}  // namespace dsrun::test
