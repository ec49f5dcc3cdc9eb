#include "actors/processes/launch/agent_launcher.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "actors/processes/launch/agent.hpp"
#include "actors/processes/net/own_address.hpp"
#include "cluster/hosts/launch_command.hpp"

namespace dsrun {
namespace {

constexpr const char* this_host = "localhost";

}  // namespace

// A file that nobody else may read, and that does not outlive this object.
class AgentLauncher::SecretFile {
 public:
  SecretFile(std::string path, const std::string& content) : path_(std::move(path)) {
    const std::string part = path_ + ".part";
    unlink(part.c_str());
    const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written =
        file >= 0 && write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    if (file >= 0) close(file);
    if (written && rename(part.c_str(), path_.c_str()) == 0) return;
    const std::string reason = std::strerror(errno);
    unlink(part.c_str());
    throw ControlError(fmt::format("cannot write the invitation {}: {}", path_, reason));
  }
  ~SecretFile() { unlink(path_.c_str()); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

 private:
  std::string path_;
};

AgentLauncher::AgentLauncher(AgentLaunch launch)
    : launch_(std::move(launch)),
      placement_(launch_.cluster),
      authority_(launch_.job),
      plane_(authority_.issue("launcher")),
      children_([this](pid_t child, const std::string& how) { on_child_ended(child, how); }) {}

AgentLauncher::~AgentLauncher() = default;

// Several nodes may be this one host, told apart by a number that no network knows.
std::string AgentLauncher::reached_as(int node) const {
  const std::string name = placement_.host(node);
  return name.starts_with(std::string(this_host) + "-") ? this_host : name;
}

bool AgentLauncher::all_here() const {
  return std::all_of(launch_.cluster.nodes.begin(), launch_.cluster.nodes.end(),
                     [](const NodeSpec& node) { return node.host == this_host; });
}

std::string AgentLauncher::listening_address() const {
  const ClusterSpec& cluster = launch_.cluster;
  if (!cluster.network.interface.empty()) return own_address(cluster.network.interface, "");
  if (cluster.launcher == Launcher::local || all_here()) return loopback_address;
  for (int node = 0; node < placement_.num_nodes(); ++node)
    if (reached_as(node) != this_host) return own_address("", reached_as(node));
  return loopback_address;
}

AgentInvitation AgentLauncher::invitation(int node) {
  AgentInvitation to;
  to.job = launch_.job;
  to.node = node;
  to.gate = where_;
  to.interface = launch_.cluster.network.interface;
  to.transports = launch_.cluster.network.transports;
  to.credentials = authority_.issue(fmt::format("agent {}", node));
  return to;
}

void AgentLauncher::listen(const caf::actor& gate) {
  where_.host = listening_address();
  where_.port = plane_.listen(gate, where_.host);
}

void AgentLauncher::start(int node) {
  ChildCommand command;
  command.arguments = agent_command(launch_.cluster, reached_as(node), own_program());
  command.input = to_text(invitation(node)) + "\n";
  const pid_t child = children_.start(std::move(command));
  const std::lock_guard lock(mutex_);
  agents_[child] = node;
  if (const auto early = ended_early_.find(child); early != ended_early_.end()) tell_end(node, early->second);
}

void AgentLauncher::wait_for_agents() {
  invitation_file_ = std::make_unique<SecretFile>(launch_.invitation_file, to_text(invitation(-1)) + "\n");
  if (launch_.say)
    launch_.say(
        fmt::format("waiting for {} agents: dsrun agent --join {}", placement_.num_nodes(), launch_.invitation_file));
}

void AgentLauncher::take_invitation_back() { invitation_file_.reset(); }

void AgentLauncher::on_child_ended(pid_t child, const std::string& how) {
  const std::lock_guard lock(mutex_);
  if (const auto found = agents_.find(child); found != agents_.end())
    tell_end(found->second, how);
  else
    ended_early_[child] = how;
}

void AgentLauncher::tell_end(int node, const std::string& how) {
  const bool by_ssh = launch_.cluster.launcher == Launcher::ssh;
  launch_.on_ended(node, how + (by_ssh ? ", of ssh, whose own words stand above" : ""));
}

void AgentLauncher::kill(int node) {
  const std::lock_guard lock(mutex_);
  for (const auto& [child, of_node] : agents_)
    if (of_node == node) children_.kill(child);
}

}  // namespace dsrun
