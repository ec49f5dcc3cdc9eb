// Post: a process with two devices and a transport between them and others'.
#pragma once

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime/transport/ucx/ucx_transport.hpp"
#include "tests/transport/processes.hpp"

namespace dsrun::test {

// A transport whose messages others wait for. Each process has two devices: 2 × process and the one after.
struct Post {
  explicit Post(const Party& party, std::vector<std::string> transports = {}, std::chrono::milliseconds late = 0ms,
                Reach reach = Reach::process)
      : pool(MemoryPool::make(reach)) {
    TransportOptions options;
    options.ucx = test_options(party, std::move(transports));
    for (int device = 0; device < 2 * party.num_ranks(); ++device) options.process_of.push_back(device / 2);
    options.clock_ahead_ns = 1000 * party.rank();
    TransportCallbacks callbacks;
    callbacks.pool = [this](int) { return pool; };
    callbacks.receive = [this](int destination, TensorMessage&& message) {
      const std::lock_guard lock(mutex);
      arrived.push_back({destination, std::move(message)});
      changed.notify_all();
    };
    callbacks.peer_failed = [this](int process, std::string_view) {
      const std::lock_guard lock(mutex);
      failed = process;
      changed.notify_all();
    };
    transport = std::make_unique<UcxTransport>(std::move(options), std::move(callbacks));
    auto addresses = party.exchange(transport->address());
    std::this_thread::sleep_for(late);
    transport->start(std::move(addresses));
  }
  void await(const std::function<bool()>& done, const std::string& what, std::chrono::milliseconds limit = 20s) {
    std::unique_lock lock(mutex);
    const bool in_time = changed.wait_for(lock, limit, done);
    const std::size_t num_arrived = arrived.size();
    lock.unlock();
    if (!in_time) Party::expect(false, fmt::format("{}; {} arrived; {}", what, num_arrived, state()));
  }
  // What the transport knows, for who has to find out what is missing.
  std::string state() const {
    std::string text;
    const TransportReport report = transport->report();
    for (const TransportReport::Peer& peer : report.peers)
      text += fmt::format("{} in, {} out by {}{}; ", peer.traffic.messages_in, peer.traffic.messages_out, peer.link,
                          peer.has_failed ? ", failed" : "");
    for (std::size_t i = 0; i < report.drops.size(); ++i)
      if (report.drops[i] > 0)
        text += fmt::format("{} dropped: {}; ", report.drops[i], drop_name(static_cast<Drop>(i)));
    return text;
  }
  void await_messages(std::size_t count) {
    await([&] { return arrived.size() >= count; }, "messages in time");
  }
  void forget_messages() {
    const std::lock_guard lock(mutex);
    arrived.clear();
  }
  void send(int from, int to, int microbatch, std::size_t num_bytes) {
    Tag tag;
    tag.source = from;
    tag.microbatch = microbatch;
    transport->send(to,
                    {tag, patterned(num_bytes, static_cast<unsigned>(microbatch), pool), 5011, microbatch % 2 * 5012});
  }

  // How far its pool's arena was ever used, by where a block is that fits no hole.
  std::size_t extent() const {
    return pool->allocate(std::size_t{64} << 20, MemoryClass::messages).shared_place().value().offset;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Outgoing> arrived;
  int failed = -1;
  std::shared_ptr<MemoryPool> pool;
  std::unique_ptr<UcxTransport> transport;
};

}  // namespace dsrun::test
