// Times a tensor on its way between actors of two processes: from one actor's send over the data plane into the other's
// mailbox, both asleep until then. Prints one way in microseconds, by size: median, best tenth, worst tenth.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "actors/messages/job.hpp"
#include "runtime/transport/ucx/ucx_transport.hpp"
#include "tests/transport/processes.hpp"

namespace dsrun::test {
namespace {

constexpr int num_rounds = 300;
constexpr std::array<std::size_t, 3> sizes = {8, 4096, 1 << 20};

// Sends each message back; the first rank counts the rounds and notes how long each took.
struct Player {
  UcxTransport* transport;
  int other;
  std::vector<double> one_way_us;
  std::promise<void> finished;

  void send(TensorMessage message) {
    message.tag.source = 1 - other;
    message.sent_ns = TestClock::now().time_since_epoch().count();
    transport->send(other, std::move(message));
  }
};

caf::behavior play(caf::event_based_actor*, Player* player) {
  return {[player, sent = TestClock::time_point()](TensorMessage& message) mutable {
    const auto now = TestClock::now();
    if (player->other == 1) {
      if (sent != TestClock::time_point())
        player->one_way_us.push_back(std::chrono::duration<double, std::micro>(now - sent).count() / 2);
      if (player->one_way_us.size() == num_rounds) return player->finished.set_value();
      std::this_thread::sleep_for(std::chrono::microseconds(500));  // until the other is asleep
      sent = TestClock::now();
    }
    player->send(std::move(message));
  }};
}

void run(const Party& party, std::size_t num_bytes) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));  // as in a device's process: nobody polls
  caf::actor_system system(config);
  const auto pool = MemoryPool::make();
  caf::actor actor;
  TransportOptions options;
  options.ucx = test_options(party);
  options.process_of = {0, 1};
  TransportCallbacks callbacks;
  callbacks.pool = [&](int) { return pool; };
  callbacks.receive = [&](int, TensorMessage&& message) { caf::anon_send(actor, std::move(message)); };
  UcxTransport transport(std::move(options), std::move(callbacks));
  Player player{&transport, 1 - party.rank(), {}, {}};
  actor = system.spawn<caf::detached>(play, &player);
  transport.start(party.exchange(transport.address()));
  if (party.rank() == 0) {
    TensorMessage first;
    first.payload = patterned(num_bytes, 0);
    caf::anon_send(actor, std::move(first));
    player.finished.get_future().wait();
    std::vector<double>& times = player.one_way_us;
    std::sort(times.begin(), times.end());
    fmt::print("actor_latency {} {:.3g} {:.3g} {:.3g}\n", num_bytes, times[num_rounds / 2], times[num_rounds / 10],
               times[num_rounds * 9 / 10]);
  }
  party.exchange("done");
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  transport.close(std::chrono::seconds(2));
}

}  // namespace
}  // namespace dsrun::test

int main() {
  using namespace dsrun::test;
  for (const std::size_t size : sizes) {
    Parties parties(2, [size](Party& party) { run(party, size); });
    const std::string faults = parties.wait(std::chrono::minutes(1));
    if (!faults.empty()) return fmt::print(stderr, "{}\n", faults), 1;
  }
}
