// As gate_actor.cpp, coordinator_actor.cpp and cluster.cpp of actors/ do.
#include <algorithm>

#include "actors/core/durations.hpp"
#include "tests/simulation/sim_hears.hpp"

namespace dsrun::test {

SimLauncher::SimLauncher(SimJob& job, Pid pid) : job_(job), pid_(pid) {
  job_.world.later(pid_, 0, "launcher starts", [this] { resume(); });
}

void SimLauncher::resume() {
  job_.with_disk(
      pid_, [this] { saved_ = find_saved_state(sim_run_dir, job_.files); },
      [this](const std::exception_ptr& thrown) {
        if (thrown) {
          job_.report.start_failure = "storage: " + words_of(thrown);
          return leave(0);
        }
        if (saved_) job_.report.resumed_from = saved_->step();
        begin();
      });
}

void SimLauncher::begin() {
  const Job& job = job_.plan.plan->job;
  GateOptions options;
  options.build = "this build";
  options.membership = membership_of(job_.plan.plan, job_.options.generation);
  for (int node = 0; node < job_.plan.num_nodes(); ++node)
    options.hosts.push_back({job_.plan.plan->placement.host(node), 1});
  options.clock = "clock of " + std::to_string(job_.options.launcher_host);
  options.start_secs = job.cluster.start_timeout_secs;
  options.freeze_secs = job.cluster.freeze_timeout_secs;
  gate_.emplace(std::move(options), job_.world.now());
  for (int node = 0; node < job_.plan.num_nodes(); ++node)
    job_.world.later(pid_, job_.world.random.between(1, 50) * ms, "starts an agent", [this, node] {
      job_.start_agent(node);
      job_.world.watch(pid_, job_.agent_pids[static_cast<std::size_t>(node)], [this, node] { agent_ended(node); });
    });
  carry_out_gate();
}

void SimLauncher::agent_ended(int node) {
  gate_->on_agent_ended(node, "killed by signal 9");
  carry_out_gate();
}

void SimLauncher::connection_ended(int node) {
  for (std::size_t guest = 0; guest < nodes_.size(); ++guest)
    if (nodes_[guest] == node) gate_->on_guest_gone(static_cast<int>(guest));
  carry_out_gate();
  if (!core_) return;
  core_->on_member_ended(node, "its connection ended");
  carry_out_job();
}

void SimLauncher::hear_dead_beats(std::uint32_t generation) {
  if (!gate_) return;
  if (job_.options.mistake == JobMistake::hears_dead_beats) generation = job_.options.generation;
  for (int node = 0; node < job_.plan.num_nodes(); ++node) gate_->on_beat(Beat{generation, node}, job_.world.now());
  carry_out_gate();
}

void SimLauncher::carry_out_gate() {
  for (auto effects = gate_->take_effects(); !effects.empty(); effects = gate_->take_effects())
    for (GateCore::Effect& effect : effects)
      if (job_.world.alive(pid_)) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void SimLauncher::carry_out(GateCore::ToAgent& effect) {
  SimAgent* agent = job_.agent(nodes_[static_cast<std::size_t>(effect.guest)]);
  std::visit(
      [&](const auto& message) {
        job_.world.send(pid_, agent->pid, "from gate", [agent, message] { agent->from_launcher(message); });
      },
      effect.message);
}

void SimLauncher::carry_out(GateCore::Introduce& effect) {
  for (const GateCore::Guest guest : effect.guests) {
    SimAgent* agent = job_.agent(nodes_[static_cast<std::size_t>(guest)]);
    job_.world.send(pid_, agent->pid, "Peers",
                    [agent, membership = effect.membership] { agent->from_launcher(membership); });
  }
}

void SimLauncher::carry_out(GateCore::TellLoss& effect) {
  core_->on_fault(effect.fault);
  core_->on_member_ended(nodes_[static_cast<std::size_t>(effect.guest)], "unreachable");
  carry_out_job();
}

// Of another host the launcher can only end what it started here, and with it the agent's standard input.
void SimLauncher::carry_out(GateCore::KillAgent& effect) {
  SimAgent* agent = job_.agent(effect.node);
  if (agent == nullptr) return;
  if (job_.world.host_of(agent->pid) == job_.world.host_of(pid_))
    job_.end(agent->pid);
  else
    job_.world.send(pid_, agent->pid, "stdin ends", [agent] { agent->tell_gate_gone(); });
}

void SimLauncher::carry_out(GateCore::Started&) {
  job_.report.began_at = job_.world.now();
  StartState start;
  if (saved_) {
    start.step = saved_->step();
    start.biases = saved_->biases;
    start.validated = saved_->validated;
  }
  const Membership membership = membership_of(job_.plan.plan, job_.options.generation);
  std::vector<JobMember> members;
  for (int node = 0; node < job_.plan.num_nodes(); ++node)
    members.push_back({membership.ranks_of(node), job_.plan.plan->placement.host(node)});
  core_.emplace(membership, job_.plan.loader, start, std::move(members), job_.world.now());
  gate_->on_coordinator(job_.world.now());
  carry_out_job();
}

void SimLauncher::carry_out(GateCore::StartFailed& effect) {
  job_.report.start_failure = effect.cause;
  leave(2 * secs);
}

void SimLauncher::carry_out(GateCore::WakeIn& effect) {
  job_.world.later(pid_, nanoseconds(effect.secs).count(), "gate wakes", [this, timer = effect.timer] {
    gate_->on_timer(timer, job_.world.now());
    carry_out_gate();
  });
}

void SimLauncher::carry_out_job() {
  for (auto effects = core_->take_effects(); !effects.empty(); effects = core_->take_effects())
    for (JobCore::Effect& effect : effects)
      if (job_.world.alive(pid_)) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void SimLauncher::carry_out(JobCore::ToMembers& effect) {
  for (int node = 0; node < job_.plan.num_nodes(); ++node) {
    SimAgent* agent = job_.agent(node);
    std::visit(
        [&](const auto& order) {
          job_.world.send(pid_, agent->pid, "to members", [agent, order] { agent->from_launcher(order); });
        },
        effect.order);
  }
}

void SimLauncher::carry_out(JobCore::Commit& effect) {
  job_.with_disk(
      pid_,
      [this, save = effect.save] {
        const BatchLoader& loader = *job_.plan.loader;
        commit_save(sim_run_dir, job_.plan.plan->job, save, loader.text_fingerprint(),
                    loader.recipe().samples_before(save.step), job_.files);
      },
      [this, step = effect.save.step](const std::exception_ptr& thrown) {
        if (thrown) {
          core_->on_commit_failed(words_of(thrown));
        } else {
          job_.report.committed = step;
          core_->on_committed(job_.world.now());
        }
        carry_out_job();
      });
}

void SimLauncher::carry_out(JobCore::Tell& effect) {
  if (const auto* step = std::get_if<StepFinished>(&effect.progress))
    job_.report.losses[step->metrics.step] = step->metrics.loss;
  if (const auto* finished = std::get_if<JobFinished>(&effect.progress)) {
    job_.report.finished = *finished;
    job_.report.ended_at = job_.world.now();
  }
}

void SimLauncher::carry_out(JobCore::WakeIn& effect) {
  job_.world.later(pid_, nanoseconds(effect.secs).count(), "coordinator wakes", [this, timer = effect.timer] {
    core_->on_timer(timer, job_.world.now());
    carry_out_job();
  });
}

void SimLauncher::carry_out(JobCore::End&) { leave(5 * secs); }

// Gives agents that long to end by themselves.
void SimLauncher::leave(std::int64_t patience) {
  job_.world.later(pid_, patience, "launcher ends", [this] {
    for (int node = 0; node < job_.plan.num_nodes(); ++node)
      if (job_.agent(node) != nullptr) {
        GateCore::KillAgent kill{node};
        carry_out(kill);
      }
    job_.end(pid_);
  });
}

}  // namespace dsrun::test
