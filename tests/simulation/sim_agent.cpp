// As actors/processes/launch/agent_actor.cpp does.
#include <algorithm>

#include "actors/core/durations.hpp"
#include "tests/simulation/sim_hears.hpp"

namespace dsrun::test {
namespace {

Enlist who_this_is(const SimJob& job, int node, Pid pid) {
  return {"this build",
          node,
          job.plan.plan->placement.host(node),
          pid,
          4,
          0,
          std::int64_t{1} << 40,
          "clock of " + std::to_string(job.world.host_of(pid))};
}

}  // namespace

SimAgent::SimAgent(SimJob& job, int node, Pid own_pid)
    : pid(own_pid), job_(job), node_(node), core_(who_this_is(job, node, own_pid)) {
  job_.world.watch(pid, job_.launcher_pid, [this] { tell_gate_gone(); });
}

void SimAgent::tell_gate_gone() {
  core_.on_gate_gone();
  carry_out_effects();
}

void SimAgent::on_device_here(int rank, Pid device) {
  core_.on_device_here(rank, device, "address", job_.world.now());
  carry_out_effects();
}

void SimAgent::carry_out_effects() {
  for (auto effects = core_.take_effects(); !effects.empty(); effects = core_.take_effects())
    for (AgentCore::Effect& effect : effects)
      if (job_.world.alive(pid)) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void SimAgent::carry_out(AgentCore::ToGate& effect) {
  SimLauncher& launcher = job_.launcher();
  std::visit(
      [&](const auto& message) {
        job_.world.send(pid, job_.launcher_pid, "to gate",
                        [&launcher, node = node_, message] { launcher.gate_hears(node, message); });
      },
      effect.message);
}

void SimAgent::carry_out(AgentCore::ToDoor& effect) {
  SimDevice* device = job_.device(effect.rank);
  const Pid to = job_.device_pids[static_cast<std::size_t>(effect.rank)];
  if (const auto* membership = std::get_if<Membership>(&effect.message))
    job_.world.send(pid, to, "Peers", [device, all = *membership] { device->on_membership(all); });
  if (const auto* beat = std::get_if<Beat>(&effect.message))
    job_.world.send(pid, to, "Beat", [device, beat = *beat] { device->on_beat(beat); });
  if (std::holds_alternative<Farewell>(effect.message))
    job_.world.send(pid, to, "Farewell", [device] { device->on_farewell(); });
}

void SimAgent::carry_out(AgentCore::ToCoordinator& effect) {
  SimLauncher& launcher = job_.launcher();
  job_.world.send(pid, job_.launcher_pid, "fault",
                  [&launcher, fault = effect.fault] { launcher.coordinator_hears(fault); });
}

void SimAgent::carry_out(AgentCore::StopDevice& effect) {
  SimDevice* device = job_.device(effect.rank);
  job_.world.send(pid, job_.device_pids[static_cast<std::size_t>(effect.rank)], "StopOrder",
                  [device] { device->on_stop(); });
}

void SimAgent::carry_out(AgentCore::StartDevice& effect) {
  const Pid child = job_.start_device(effect.rank, begin_);
  children_.push_back(child);
  job_.world.watch(pid, child, [this, child] {
    core_.on_process_ended(child, "killed");
    carry_out_effects();
  });
  core_.on_started(effect.rank, child, job_.world.now());
}

void SimAgent::carry_out(AgentCore::KillProcess& effect) { job_.end(effect.pid); }

void SimAgent::carry_out(AgentCore::KillAll&) {
  for (const Pid child : children_) job_.end(child);
}

void SimAgent::carry_out(AgentCore::WakeIn& effect) {
  job_.world.later(pid, nanoseconds(effect.secs).count(), "agent wakes", [this, timer = effect.timer] {
    if (job_.options.mistake == JobMistake::misses_no_device)
      for (const int rank : core_.listening())
        core_.on_beat(Beat{begin_.membership.generation, rank}, job_.world.now());
    core_.on_timer(timer, job_.world.now());
    carry_out_effects();
  });
}

void SimAgent::carry_out(AgentCore::End&) { job_.end(pid); }

}  // namespace dsrun::test
