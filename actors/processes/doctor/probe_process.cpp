#include "actors/processes/doctor/probe_process.hpp"

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/messages/doctor.hpp"
#include "actors/processes/launch/children.hpp"
#include "actors/processes/launch/data_plane.hpp"
#include "runtime/transport/ucx/link_probe.hpp"

namespace dsrun {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void end_as_orphan() { _exit(1); }

SteadyClock::duration duration(double secs) {
  return std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(secs));
}

// What the door hears, until the main thread takes it.
class ProbeInbox {
 public:
  void put(const ProbeOrder& order) {
    const std::lock_guard lock(mutex_);
    orders_.push_back(order);
    changed_.notify_all();
  }
  void put(const ProbePeer& peer) {
    const std::lock_guard lock(mutex_);
    peers_.push_back(peer);
    changed_.notify_all();
  }
  ProbeOrder take_order() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !orders_.empty(); });
    const ProbeOrder order = orders_.front();
    orders_.pop_front();
    return order;
  }
  // The address of the link's other end; those of earlier links are forgotten.
  std::string take_peer(int link, SteadyClock::time_point deadline) {
    std::unique_lock lock(mutex_);
    for (;;) {
      while (!peers_.empty() && peers_.front().link < link) peers_.pop_front();
      if (!peers_.empty()) return peers_.front().address;
      if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && peers_.empty())
        throw TransportError("the other end did not come");
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ProbeOrder> orders_;
  std::deque<ProbePeer> peers_;
};

struct ProbeDoorSetup {
  caf::actor agent;
  std::shared_ptr<ProbeInbox> inbox;
};

caf::behavior probe_door(caf::event_based_actor* self, const ProbeDoorSetup& setup) {
  self->set_down_handler([](const caf::down_msg&) { end_as_orphan(); });
  self->monitor(setup.agent);
  return {
      [inbox = setup.inbox](const ProbeOrder& order) { inbox->put(order); },
      [inbox = setup.inbox](const ProbePeer& peer) { inbox->put(peer); },
  };
}

class Probe {
 public:
  explicit Probe(const DeviceInvitation& invitation) : invitation_(invitation) {}

  [[noreturn]] void run() {
    agent_ = plane_.connect(invitation_.agent);
    const caf::actor door = plane_.actors().spawn(probe_door, ProbeDoorSetup{agent_, inbox_});
    caf::anon_send(agent_, ProbeHere{invitation_.rank, getpid(), door});
    for (;;) {
      const ProbeOrder order = inbox_->take_order();
      LinkMeasure measure;
      try {
        measure = serve(order);
      } catch (const std::exception& error) {
        measure.fault = error.what();
      }
      if (order.end == 0 || !measure.fault.empty()) caf::anon_send(agent_, LinkMeasured{order.link, measure});
    }
  }

 private:
  // A worker of its own for each link, so that one that fails spoils no other.
  LinkMeasure serve(const ProbeOrder& order) {
    LinkProbe probe(ucx_options(invitation_, order.end));
    caf::anon_send(agent_, ProbeAddress{order.link, order.end, probe.address()});
    probe.set_peer(inbox_->take_peer(order.link, SteadyClock::now() + duration(probe_peer_secs)));
    const auto deadline = SteadyClock::now() + duration(probe_measure_secs);
    LinkMeasure measure;
    if (order.end != 0) {
      probe.answer(deadline);
      return measure;
    }
    const LinkSpeed speed = probe.measure(deadline);
    measure.transport = speed.transport;
    measure.latency_secs = speed.latency_secs;
    measure.bytes_per_sec = speed.bytes_per_sec;
    measure.bytes_per_sec_back = speed.bytes_per_sec_back;
    return measure;
  }

  const DeviceInvitation& invitation_;
  ControlPlane plane_{invitation_.credentials};
  caf::actor agent_;
  std::shared_ptr<ProbeInbox> inbox_ = std::make_shared<ProbeInbox>();
};

}  // namespace

void run_probe_process(const DeviceInvitation& invitation) {
  if (getppid() != invitation.agent_pid) end_as_orphan();
  const Lifeline lifeline([] { end_as_orphan(); });
  try {
    Probe(invitation).run();
  } catch (const std::exception& error) {
    std::fputs(fmt::format("dsrun probe: {}\n", error.what()).c_str(), stderr);
  }
  end_process(1);
}

}  // namespace dsrun
