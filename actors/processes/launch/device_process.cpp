#include "actors/processes/launch/device_process.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <future>
#include <numeric>

#include <sys/prctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "actors/core/durations.hpp"
#include "actors/core/watch/heartbeats.hpp"
#include "actors/device_actor.hpp"
#include "actors/messages/start.hpp"
#include "actors/processes/launch/children.hpp"
#include "actors/processes/launch/data_plane.hpp"
#include "runtime/device/device_core.hpp"
#include "runtime/transport/ucx/ucx_transport.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

static_assert(std::is_trivially_copyable_v<DeviceSpan>);
constexpr std::size_t spans_a_message = 256;

[[noreturn]] void end_as_orphan(const DeviceInvitation& invitation, const std::string& why) {
  std::fputs(fmt::format("dsrun device: rank {}: {}\n", invitation.rank, why).c_str(), stderr);
  _exit(1);
}

// A value that comes once, or never; the first word counts.
template <class Value>
class Once {
 public:
  void set(Value value) {
    if (!told_.exchange(true)) promise_.set_value(std::move(value));
  }
  void fail(const char* why) {
    if (!told_.exchange(true)) promise_.set_exception(std::make_exception_ptr(std::runtime_error(why)));
  }
  Value get() { return promise_.get_future().get(); }

 private:
  std::atomic<bool> told_{false};
  std::promise<Value> promise_;
};

// Hears the agent, and notices when it is silent.
class DoorShell {
 public:
  using Self = caf::stateful_actor<DoorShell>;
  static inline const char* name = "door";
  struct Setup {
    DeviceInvitation invitation;
    caf::actor agent;
    std::shared_ptr<Once<Peers>> peers;
    std::shared_ptr<std::promise<void>> farewell;
  };

  explicit DoorShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(Setup setup) {
    setup_ = std::move(setup);
    // An agent has much to start before it beats, and an agent that froze is the launcher's to notice first.
    beats_ = Heartbeats(setup_.invitation.membership.generation, 1.5 * setup_.invitation.freeze_secs);
    self_->set_down_handler([this](const caf::down_msg& down) {
      end_as_orphan(setup_.invitation, "its agent is gone: " + self_->system().render(down.reason));
    });
    self_->monitor(setup_.agent);
    beats_.watch(setup_.invitation.node, now());
    self_->send(self_, Wake{});
    return {
        [this](Peers& peers) { setup_.peers->set(std::move(peers)); },
        [this](const Beat& beat) {
          beats_.heard(beat.generation, beat.from, now());
          self_->send(setup_.agent, Beat{setup_.invitation.membership.generation, setup_.invitation.rank});
        },
        [this](Farewell) { setup_.farewell->set_value(); },
        [this](Wake) {
          if (!beats_.take_silent(now()).empty()) {
            kill(setup_.invitation.agent_pid, SIGKILL);  // frozen: it shall not stay behind alone
            end_as_orphan(setup_.invitation, "its agent is silent");
          }
          self_->delayed_send(self_, nanoseconds(beats_.interval_secs()), Wake{});
        },
    };
  }

 private:
  double now() const { return std::chrono::duration<double>(self_->system().clock().now().time_since_epoch()).count(); }
  Self* self_;
  Setup setup_;
  Heartbeats beats_;
};

caf::behavior door_actor(DoorShell::Self* self, DoorShell::Setup setup) {
  return self->state.make_behavior(std::move(setup));
}

class DeviceProcess {
 public:
  DeviceProcess(const DeviceInvitation& invitation, const MakeDeviceSetup& make_setup, bool with_spans)
      : invitation_(invitation), make_setup_(make_setup), with_spans_(with_spans) {}

  int run() {
    agent_ = plane_.connect(invitation_.agent);
    caf::actor_system& system = plane_.actors();
    shell_ = system.spawn<caf::detached>(device_actor);
    auto peers = std::make_shared<Once<Peers>>();
    std::promise<void> ended;
    shell_->attach_functor([&ended, peers] {
      peers->fail("the job ended before it began");
      ended.set_value();
    });
    auto farewell = std::make_shared<std::promise<void>>();
    const caf::actor door = system.spawn(door_actor, DoorShell::Setup{invitation_, agent_, peers, farewell});
    try {
      make_transport();
      caf::anon_send(agent_, DeviceHere{invitation_.rank, getpid(), transport_->address(), door, shell_});
      std::shared_ptr<DeviceSetup> setup = make_setup_(invitation_.brief, invitation_.rank);
      connect(*setup);
      take(peers->get().membership, *setup);
      transport_->start(setup->membership.addresses);
      caf::anon_send(shell_, Connect{{}, agent_});
      caf::anon_send(shell_, Configure{std::move(setup)});
    } catch (const std::exception& error) {
      DeviceFault fault;
      fault.rank = invitation_.rank;
      fault.op = "starting";
      fault.detail = error.what();
      caf::anon_send(agent_, std::move(fault));
    }
    ended.get_future().wait();
    return part(farewell->get_future());
  }

 private:
  void make_transport() {
    TransportOptions options;
    options.ucx = ucx_options(invitation_, invitation_.rank);
    options.process_of.resize(static_cast<std::size_t>(invitation_.membership.world()));
    std::iota(options.process_of.begin(), options.process_of.end(), 0);
    options.clock_ahead_ns = invitation_.clock_ahead_ns;
    TransportCallbacks callbacks;
    callbacks.pool = [this](int) {
      auto pool = std::atomic_load(&pool_);
      if (!pool) throw std::runtime_error("a tensor for a device that is not ready");
      return pool;
    };
    callbacks.receive = [this](int, TensorMessage&& message) { caf::anon_send(shell_, std::move(message)); };
    callbacks.peer_failed = [this](int process, std::string_view reason) {
      caf::anon_send(shell_, LinkLost{process, std::string(reason)});
    };
    transport_.emplace(std::move(options), std::move(callbacks));
  }

  void connect(DeviceSetup& setup) {
    setup.reach = Reach::machine;
    setup.send = [this](int destination, TensorMessage message) { transport_->send(destination, std::move(message)); };
    setup.restore = [this, restore = std::move(setup.restore)](DeviceCore& core) {
      if (restore) restore(core);
      std::atomic_store(&pool_, core.context().pool);  // before Ready, and so before anybody sends
    };
    if (!with_spans_) return;
    setup.on_span = [this](const DeviceSpan& span) {
      spans_.push_back(span);
      spans_.back().start_ns -= invitation_.clock_ahead_ns;
      spans_.back().end_ns -= invitation_.clock_ahead_ns;
      if (spans_.size() >= spans_a_message) send_spans();
    };
  }

  // The launcher's word of who is where, and this process's own plan.
  static void take(const Membership& announced, DeviceSetup& setup) {
    if (announced.hosts != setup.membership.hosts)
      throw std::runtime_error("the launcher has ranks on other hosts than this process's plan");
    setup.membership.generation = announced.generation;
    setup.membership.addresses = announced.addresses;
  }

  void send_spans() {
    Spans message{invitation_.rank, std::string(spans_.size() * sizeof(DeviceSpan), '\0')};
    std::memcpy(message.bytes.data(), spans_.data(), message.bytes.size());
    spans_.clear();
    caf::anon_send(agent_, std::move(message));
  }

  // Says what is left to say, and waits for the word that it was heard.
  int part(std::future<void> heard) {
    if (!spans_.empty()) send_spans();
    if (transport_) say_links();
    caf::anon_send(agent_, Farewell{invitation_.rank});
    heard.wait_for(1s);
    return 0;
  }

  void say_links() {
    transport_->close(500ms);
    const TransportReport report = transport_->report();
    Links links{invitation_.rank, {}};
    for (std::size_t peer = 0; peer < report.peers.size(); ++peer) {
      const TransportReport::Peer& each = report.peers[peer];
      if (each.traffic.messages_out > 0)
        links.peers.push_back({static_cast<int>(peer), each.link, each.traffic.messages_out, each.traffic.bytes_out});
    }
    for (const std::int64_t dropped : report.drops) links.dropped += dropped;
    caf::anon_send(agent_, std::move(links));
  }

  const DeviceInvitation& invitation_;
  const MakeDeviceSetup& make_setup_;
  const bool with_spans_;
  ControlPlane plane_{invitation_.credentials};
  caf::actor agent_, shell_;
  std::shared_ptr<MemoryPool> pool_;
  std::vector<DeviceSpan> spans_;  // on the device's thread
  std::optional<UcxTransport> transport_;
};

}  // namespace

void run_device_process(const DeviceInvitation& invitation, const MakeDeviceSetup& make_setup, bool with_spans) {
  if (getppid() != invitation.agent_pid) end_as_orphan(invitation, "its agent is gone");
  const Lifeline lifeline([&invitation] { end_as_orphan(invitation, "its agent is gone"); });
  DeviceProcess process(invitation, make_setup, with_spans);
  end_process(process.run());
}

}  // namespace dsrun
