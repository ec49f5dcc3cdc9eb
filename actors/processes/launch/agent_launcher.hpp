// AgentLauncher starts an agent on each host, by the launcher that a job names, and notices when one ends. A launch of
// a job and `dsrun doctor` both start their agents here, so what works for one works for the other.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "actors/processes/launch/children.hpp"
#include "actors/processes/net/invitation.hpp"
#include "dsl/placement.hpp"

namespace dsrun {

struct AgentLaunch {
  std::string job;  // its name
  ClusterSpec cluster;
  std::string invitation_file;  // launcher = "wait": where agents find their invitation
  std::function<void(const std::string& line)> say;
  // Called when an agent that was started here has ended, on a thread of its own.
  std::function<void(int node, const std::string& how)> on_ended;
};

class AgentLauncher {
 public:
  explicit AgentLauncher(AgentLaunch launch);
  ~AgentLauncher();
  AgentLauncher(const AgentLauncher&) = delete;
  AgentLauncher& operator=(const AgentLauncher&) = delete;

  ControlPlane& plane() { return plane_; }
  const Placement& placement() const { return placement_; }
  // Lets agents report to the gate. Throws ControlError, or std::runtime_error for an interface that is not there.
  void listen(const caf::actor& gate);
  void start(int node);    // not with launcher = "wait". Throws std::system_error.
  void wait_for_agents();  // launcher = "wait": writes the invitation. Throws ControlError.

  void take_invitation_back();  // no agent is awaited any more

  void kill(int node);
  void kill_all() { children_.kill_all(); }
  bool wait_for_all(std::chrono::milliseconds time) { return children_.wait_for_all(time); }  // whether all have ended

 private:
  class SecretFile;
  std::string reached_as(int node) const;
  bool all_here() const;
  std::string listening_address() const;
  AgentInvitation invitation(int node);
  void on_child_ended(pid_t child, const std::string& how);
  void tell_end(int node, const std::string& how);

  const AgentLaunch launch_;
  const Placement placement_;
  JobAuthority authority_;
  ControlPlane plane_;
  HostPort where_;
  std::unique_ptr<SecretFile> invitation_file_;
  std::mutex mutex_;
  std::map<pid_t, int> agents_;               // node of each that was started here
  std::map<pid_t, std::string> ended_early_;  // how agents ended whose node was not yet noted
  Children children_;
};

}  // namespace dsrun
