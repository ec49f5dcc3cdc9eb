#include "actors/processes/cluster.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <variant>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "actors/job_run.hpp"
#include "actors/processes/agent.hpp"
#include "actors/processes/children.hpp"
#include "actors/processes/gate_actor.hpp"
#include "actors/processes/own_address.hpp"
#include "cluster/launch_command.hpp"
#include "dsl/placement.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

constexpr const char* this_host = "localhost";
constexpr std::size_t secret_bytes = 32;
constexpr std::uint32_t first_generation = 0;
constexpr const char* shared_memory = "posix,cma,self";  // between processes of one host

// A file that nobody else may read, and that does not outlive this object.
class SecretFile {
 public:
  SecretFile(std::string path, const std::string& content) : path_(std::move(path)) {
    const std::string part = path_ + ".part";
    unlink(part.c_str());
    const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written =
        file >= 0 && write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    if (file >= 0) close(file);
    if (!written || rename(part.c_str(), path_.c_str()) != 0)
      throw ControlError(fmt::format("cannot write the invitation {}: {}", path_, std::strerror(errno)));
  }
  ~SecretFile() { unlink(path_.c_str()); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

 private:
  std::string path_;
};

class Cluster {
 public:
  Cluster(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control)
      : options_(options), processes_(processes), run_(options, control) {}

  ~Cluster() {
    children_.kill_all();
    if (gate_) caf::anon_send(gate_, StopOrder{});
  }

  JobOutcome run() {
    std::vector<caf::actor> agents;
    try {
      agents = start();
    } catch (const std::exception& error) {
      if (gate_) children_.wait_for_all(5s);  // agents are told
      JobOutcome outcome;
      outcome.cause = error.what();
      outcome.started = false;
      if (options_.on_progress) options_.on_progress(JobFinished{Outcome::failed, outcome.cause});
      return outcome;
    }
    CoordinatorSetup setup = run_.coordinator_setup();
    for (int node = 0; node < placement_.num_nodes(); ++node)
      setup.members.push_back({agents[static_cast<std::size_t>(node)], ranks_of(node), "the agent of " + host(node)});
    setup.begin = [gate = gate_](const caf::actor& coordinator) { caf::anon_send(gate, Connect{{}, coordinator}); };
    const JobOutcome outcome = run_.run(plane_.actors(), std::move(setup));
    children_.wait_for_all(5s);
    tell_links();
    return outcome;
  }

 private:
  const ClusterSpec& spec() const { return options_.plan->job.cluster; }
  std::string host(int node) const { return "host " + placement_.host(node); }

  // Several nodes may be this one host, told apart by a number that no network knows.
  std::string reached_as(int node) const {
    const std::string name = placement_.host(node);
    return name.starts_with(std::string(this_host) + "-") ? this_host : name;
  }

  std::vector<int> ranks_of(int node) const {
    std::vector<int> ranks;
    for (int rank = 0; rank < options_.plan->mesh.size(); ++rank)
      if (placement_.node_of(rank) == node) ranks.push_back(rank);
    return ranks;
  }

  bool all_here() const {
    return std::all_of(spec().nodes.begin(), spec().nodes.end(),
                       [](const NodeSpec& node) { return node.host == this_host; });
  }

  std::string listening_address() const {
    if (!spec().network.interface.empty()) return own_address(spec().network.interface, "");
    if (spec().launcher == Launcher::local || all_here()) return loopback_address;
    for (int node = 0; node < placement_.num_nodes(); ++node)
      if (reached_as(node) != this_host) return own_address("", reached_as(node));
    return loopback_address;
  }

  AgentInvitation invitation(int node) {
    AgentInvitation to;
    to.job = options_.plan->job.run.name;
    to.node = node;
    to.gate = where_;
    to.interface = spec().network.interface;
    to.transports = spec().network.transports;
    // On one host nothing but shared memory is needed, and nothing has to listen.
    if (to.transports.empty() && all_here() && to.interface.empty()) to.transports = shared_memory;
    to.credentials = authority_.issue(fmt::format("agent {}", node));
    return to;
  }

  // Until every device is there. Throws with the reason why that will not be.
  std::vector<caf::actor> start() {
    using Started = std::variant<std::vector<caf::actor>, std::string>;
    auto started = std::make_shared<std::promise<Started>>();
    gate_ = plane_.actors().spawn<caf::detached>(gate_actor, gate_setup(started));
    where_.host = listening_address();
    where_.port = plane_.listen(gate_, where_.host);
    if (spec().launcher == Launcher::wait) {
      wait_for_agents();
    } else {
      for (int node = 0; node < placement_.num_nodes(); ++node) start_agent(node);
    }
    const Started how = started->get_future().get();
    if (const auto* cause = std::get_if<std::string>(&how)) throw ControlError(*cause);
    return std::get<std::vector<caf::actor>>(how);
  }

  template <class Started>
  GateSetup gate_setup(const std::shared_ptr<std::promise<Started>>& started) {
    GateSetup setup;
    setup.build = build_of(DSRUN_VERSION, own_program());
    setup.world = options_.plan->mesh.size();
    setup.generation = first_generation;
    setup.brief = processes_.brief;
    setup.secret = random_secret(secret_bytes);
    setup.start_secs = spec().start_timeout_secs;
    setup.freeze_secs = spec().freeze_timeout_secs;
    for (int node = 0; node < placement_.num_nodes(); ++node) {
      const std::vector<int> ranks = ranks_of(node);
      GateNode wanted{placement_.host(node), ranks.front(), static_cast<int>(ranks.size()), 0};
      if (!processes_.rank_bytes.empty())
        for (int rank : ranks) wanted.needed_bytes += processes_.rank_bytes[static_cast<std::size_t>(rank)];
      setup.nodes.push_back(std::move(wanted));
    }
    setup.on_started = [started](const std::vector<caf::actor>& agents) { started->set_value(agents); };
    setup.on_start_failed = [started](const std::string& cause) { started->set_value(cause); };
    setup.kill_agent = [this](int node) { kill_agent(node); };
    setup.on_spans = [this](const Spans& spans) { hear(spans); };
    setup.on_links = [this](const Links& links) { hear(links); };
    return setup;
  }

  void start_agent(int node) {
    ChildCommand command;
    command.arguments = agent_command(spec(), reached_as(node), own_program());
    command.input = to_text(invitation(node)) + "\n";
    const pid_t child = children_.start(std::move(command));
    const std::lock_guard lock(mutex_);
    agents_[child] = node;
    if (const auto early = ended_early_.find(child); early != ended_early_.end()) tell_end(node, early->second);
  }

  void wait_for_agents() {
    invitation_file_.emplace(processes_.invitation_file, to_text(invitation(-1)) + "\n");
    if (processes_.say)
      processes_.say(fmt::format("waiting for {} agents: dsrun agent --join {}", placement_.num_nodes(),
                                 processes_.invitation_file));
  }

  void on_child_ended(pid_t child, const std::string& how) {
    const std::lock_guard lock(mutex_);
    if (const auto found = agents_.find(child); found != agents_.end())
      tell_end(found->second, how);
    else
      ended_early_[child] = how;
  }

  void tell_end(int node, const std::string& how) {
    const bool by_ssh = spec().launcher == Launcher::ssh;
    caf::anon_send(gate_, ChildEnded{node, how + (by_ssh ? ", of ssh, whose own words stand above" : "")});
  }

  void kill_agent(int node) {
    const std::lock_guard lock(mutex_);
    for (const auto& [child, of_node] : agents_)
      if (of_node == node) children_.kill(child);
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
    if (!processes_.on_link) return;
    const std::lock_guard lock(mutex_);
    std::sort(links_.begin(), links_.end(), [](const LinkReport& a, const LinkReport& b) {
      return std::pair(a.from, a.to) < std::pair(b.from, b.to);
    });
    for (const LinkReport& link : links_) processes_.on_link(link);
  }

  const LaunchOptions& options_;
  const ProcessOptions& processes_;
  const Placement placement_{options_.plan->job.cluster};
  JobRun run_;
  JobAuthority authority_{options_.plan->job.run.name};
  ControlPlane plane_{authority_.issue("launcher")};
  caf::actor gate_;
  HostPort where_;
  std::optional<SecretFile> invitation_file_;
  std::mutex mutex_;
  std::map<pid_t, int> agents_;               // node of each that was started here
  std::map<pid_t, std::string> ended_early_;  // before its node was noted
  std::vector<LinkReport> links_;
  Children children_{[this](pid_t child, const std::string& how) { on_child_ended(child, how); }};
};

}  // namespace

JobOutcome run_job_in_processes(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control) {
  return Cluster(options, processes, control).run();
}

}  // namespace dsrun
