#include "actors/processes/launch/agent.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/processes/doctor/examiner_actor.hpp"
#include "actors/processes/launch/agent_actor.hpp"
#include "actors/processes/launch/children.hpp"
#include "actors/processes/net/own_address.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "runtime/transport/ucx/orphaned_segments.hpp"

namespace dsrun {
namespace {

constexpr int exit_orphan = 1;

int end_saying(const std::string& cause) {
  if (cause.empty()) return 0;
  std::fputs(fmt::format("dsrun agent on {}: {}\n", own_host_name(), cause).c_str(), stderr);
  return exit_orphan;
}

class Agent {
 public:
  explicit Agent(const AgentOptions& options) : options_(options), invitation_(options.invitation) {}

  int run(std::string build) {
    const caf::actor gate = plane_.connect(invitation_.gate);
    AgentSetup setup;
    setup.node = invitation_.node;
    setup.devices = options_.devices;
    setup.build = std::move(build);
    setup.gate = gate;
    setup.start_device = [this](const Begin& begin, int rank, const caf::actor& agent) {
      return start_device(begin, rank, agent);
    };
    setup.examine = [this](const Examine& asked, const caf::actor& to) { examine(asked, to); };
    setup.kill_device = [this](pid_t process) { children_.kill(process); };
    setup.kill_all = [this] { children_.kill_all(); };
    setup.on_end = [this](const std::string& cause) { ended_.set_value(cause); };
    plane_.actors().spawn<caf::detached>(agent_actor, std::move(setup));
    const std::string cause = ended_.get_future().get();
    end_children();
    return end_saying(cause);
  }

  // The launcher is gone without a word, and with it whoever would want one.
  void end_now() {
    end_children();
    _exit(end_saying("the launcher is gone"));
  }

 private:
  void end_children() {
    children_.kill_all();
    children_.wait_for_all(std::chrono::seconds(2));
    segments_.remove();
  }

  pid_t start_device(const Begin& begin, int rank, const caf::actor& agent) {
    DeviceInvitation device;
    device.rank = rank;
    device.node = begin.node;
    device.membership = begin.membership;
    device.secret = begin.secret;
    device.freeze_secs = begin.freeze_secs;
    device.clock_ahead_ns = begin.clock_ahead_ns;
    device.brief = begin.brief;
    return start_child("device", std::move(device), agent);
  }

  void examine(const Examine& asked, const caf::actor& gate) {
    ExaminerSetup setup;
    setup.asked = asked;
    setup.gate = gate;
    setup.start_probe = [this, asked](int probe, const caf::actor& examiner) {
      DeviceInvitation to;
      to.rank = probe;
      to.node = asked.node;
      to.secret = asked.secret;
      return start_child("probe", std::move(to), examiner);
    };
    plane_.actors().spawn<caf::detached>(examiner_actor, std::move(setup));
  }

  // A process for which `door` stands here: it reports there, and the door is told of its end.
  pid_t start_child(const char* verb, DeviceInvitation invited, const caf::actor& door) {
    if (door_.port == 0) {
      agent_ = door;  // before there is a child whose end it could be told of
      door_.host = own_address(invitation_.interface, invitation_.gate.host);
      door_.port = plane_.listen(door, door_.host);
    }
    invited.agent = door_;
    invited.agent_pid = getpid();
    invited.interface = invitation_.interface.empty() ? devices_beside(door_.host) : invitation_.interface;
    invited.transports = invitation_.transports;
    invited.credentials = invitation_.credentials;
    ChildCommand command;
    command.arguments = {options_.program, verb};
    command.input = to_text(invited) + "\n";
    // What a forced close leaves behind is no news to anybody.
    if (std::getenv("UCX_LOG_LEVEL") == nullptr) command.environment.push_back("UCX_LOG_LEVEL=error");
    return children_.start(std::move(command));
  }

  const AgentOptions& options_;
  const AgentInvitation& invitation_;
  const OrphanedSegments segments_;
  std::promise<std::string> ended_;
  caf::actor agent_;
  HostPort door_;
  ControlPlane plane_{invitation_.credentials};
  Children children_{[this](pid_t child, const std::string& how) {
    if (agent_) caf::anon_send(agent_, ProcessEnded{child, how});
  }};
};

}  // namespace

void run_agent(const AgentOptions& options) {
  int exit_code = exit_orphan;
  try {
    Agent agent(options);
    if (options.with_lifeline) Lifeline([&agent] { agent.end_now(); });
    exit_code = agent.run(build_of(DSRUN_VERSION, options.program));
    end_process(exit_code);
  } catch (const std::exception& error) {
    exit_code = end_saying(error.what());
  }
  end_process(exit_code);
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string build_of(const std::string& version, const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return fmt::format("{} ({:016x})", version, hash_bytes(bytes.data(), bytes.size()));
}

}  // namespace dsrun
