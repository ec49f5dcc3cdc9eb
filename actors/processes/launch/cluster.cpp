#include "actors/processes/launch/cluster.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>
#include <mutex>
#include <variant>

#include <fmt/format.h>

#include "actors/job_run.hpp"
#include "actors/processes/launch/agent.hpp"
#include "actors/processes/launch/agent_launcher.hpp"
#include "actors/processes/launch/gate_actor.hpp"
#include "actors/processes/net/own_address.hpp"
#include "runtime/transport/ucx/orphaned_segments.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

class Cluster {
 public:
  Cluster(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control)
      : options_(options), processes_(processes), control_(control), run_(options, control) {}

  ~Cluster() {
    launcher_.kill_all();
    segments_.remove();  // also of an agent that could not
    if (!gate_) return;
    caf::anon_send(gate_, StopOrder{});
    caf::scoped_actor self(launcher_.plane().actors());
    self->wait_for(gate_);  // its callbacks come here
  }

  JobOutcome run() {
    std::vector<caf::actor> agents;
    try {
      agents = start();
    } catch (const std::exception& error) {
      if (gate_) launcher_.wait_for_all(2s);  // agents have been told
      JobOutcome outcome;
      outcome.cause = error.what();
      outcome.started = false;
      outcome.outcome = was_stopped_ ? Outcome::aborted : Outcome::failed;
      if (options_.on_progress) options_.on_progress(JobFinished{outcome.outcome, outcome.cause});
      return outcome;
    }
    CoordinatorSetup setup = run_.coordinator_setup();
    for (int node = 0; node < placement_.num_nodes(); ++node)
      setup.members.push_back(
          {agents[static_cast<std::size_t>(node)], membership_.ranks_of(node), placement_.host(node)});
    setup.begin = [gate = gate_](const caf::actor& coordinator) { caf::anon_send(gate, CoordinatorHere{coordinator}); };
    const JobOutcome outcome = run_.run(launcher_.plane().actors(), std::move(setup));
    launcher_.wait_for_all(5s);
    tell_links();
    return outcome;
  }

 private:
  const ClusterSpec& spec() const { return options_.plan->job.cluster; }

  // Until every device is there. Throws with the reason why that will not be.
  std::vector<caf::actor> start() {
    using Started = std::variant<std::vector<caf::actor>, std::string>;
    auto started = std::make_shared<std::promise<Started>>();
    gate_ = launcher_.plane().actors().spawn<caf::detached>(gate_actor, gate_setup(started));
    launcher_.listen(gate_);
    if (spec().launcher == Launcher::wait) {
      launcher_.wait_for_agents();
    } else {
      for (int node = 0; node < placement_.num_nodes(); ++node) start_agent(node);
    }
    run_.on_early_stop([this] {
      was_stopped_ = true;
      caf::anon_send(gate_, StopRequest{});
    });
    const Started how = started->get_future().get();
    run_.on_early_stop(nullptr);
    launcher_.take_invitation_back();
    if (const auto* cause = std::get_if<std::string>(&how)) throw ControlError(*cause);
    if (was_stopped_) control_.request_stop();  // it came when all were here already
    return std::get<std::vector<caf::actor>>(how);
  }

  void start_agent(int node) {
    try {
      launcher_.start(node);
    } catch (const std::exception& error) {
      caf::anon_send(gate_, StartFault{node, fmt::format("its agent cannot be started: {}", error.what())});
    }
  }

  template <class Started>
  GateSetup gate_setup(const std::shared_ptr<std::promise<Started>>& started) {
    GateSetup setup;
    GateOptions& gate = setup.options;
    gate.build = build_of(DSRUN_VERSION, own_program());
    gate.membership = membership_;
    gate.brief = processes_.brief;
    gate.secret = random_secret();
    gate.clock = own_clock_name();
    gate.start_secs = spec().start_timeout_secs;
    gate.freeze_secs = spec().freeze_timeout_secs;
    for (int node = 0; node < placement_.num_nodes(); ++node) {
      GateHost wanted{placement_.host(node), 0};
      if (!processes_.rank_bytes.empty())
        for (int rank : membership_.ranks_of(node))
          wanted.needed_bytes += processes_.rank_bytes[static_cast<std::size_t>(rank)];
      gate.hosts.push_back(std::move(wanted));
    }
    setup.on_started = [started](const std::vector<caf::actor>& agents) { started->set_value(agents); };
    setup.on_start_failed = [started](const std::string& cause) { started->set_value(cause); };
    setup.kill_agent = [this](int node) { launcher_.kill(node); };
    setup.on_spans = [this](const Spans& spans) { hear(spans); };
    setup.on_links = [this](const Links& links) { hear(links); };
    return setup;
  }

  void hear(const Spans& spans) {
    if (!options_.on_span) return;
    for (std::size_t at = 0; at + sizeof(DeviceSpan) <= spans.bytes.size(); at += sizeof(DeviceSpan)) {
      DeviceSpan span;
      std::memcpy(&span, spans.bytes.data() + at, sizeof span);
      options_.on_span(spans.rank, span);
    }
  }

  void hear(const Links& links) {
    if (links.dropped > 0 && processes_.say)
      processes_.say(fmt::format("rank {} dropped {} messages that were not of this job", links.rank, links.dropped));
    const std::lock_guard lock(mutex_);
    for (const LinkUse& use : links.peers)
      links_.push_back({links.rank, use.peer, use.transport, use.messages, use.bytes});
  }

  void tell_links() {
    if (!options_.on_progress) return;
    const std::lock_guard lock(mutex_);
    std::sort(links_.begin(), links_.end(), [](const LinkReport& a, const LinkReport& b) {
      return std::pair(a.from, a.to) < std::pair(b.from, b.to);
    });
    for (const LinkReport& link : links_) options_.on_progress(link);
  }

  const LaunchOptions& options_;
  const ProcessOptions& processes_;
  JobControl& control_;
  JobRun run_;
  const OrphanedSegments segments_;
  const Membership membership_ = membership_of(options_.plan);
  caf::actor gate_;
  std::atomic<bool> was_stopped_{false};  // before the start
  std::mutex mutex_;
  std::vector<LinkReport> links_;
  AgentLauncher launcher_{{options_.plan->job.run.name, spec(), processes_.invitation_file, processes_.say,
                           [this](int node, const std::string& how) {
                             caf::anon_send(gate_, AgentEnded{node, how});
                           }}};
  const Placement& placement_ = launcher_.placement();
};

}  // namespace

JobOutcome run_job_in_processes(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control) {
  return Cluster(options, processes, control).run();
}

}  // namespace dsrun
