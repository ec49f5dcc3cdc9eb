#include "runtime/transport/ucx/link_probe.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include <fmt/format.h>

namespace dsrun {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t small_bytes = 8;
constexpr std::size_t large_bytes = std::size_t{4} << 20;
constexpr int most_round_trips = 1000;
constexpr auto latency_time = 200ms;
constexpr auto stream_time = 100ms;
constexpr int stream_rounds = 3;
constexpr std::uint32_t under_way = 4;
constexpr std::uint32_t most_back = 256;

double secs(SteadyClock::duration time) { return std::chrono::duration<double>(time).count(); }

UcxOptions of_a_pair(UcxOptions options) {
  options.num_ranks = 2;
  return options;
}

}  // namespace

LinkProbe::LinkProbe(UcxOptions options)
    : block_(pool_->allocate(large_bytes, MemoryClass::messages)), worker_(of_a_pair(std::move(options))) {
  std::memset(block_.data(), 0x5a, block_.size());  // pages that nobody wrote to are all one
  worker_.on_message([this](int, std::span<const std::byte>,
                            std::size_t num_bytes) { return pool_->allocate(num_bytes, MemoryClass::messages); },
                     [this](int, std::span<const std::byte> header, const Buffer& payload) {
                       std::array<char, 5> words{};
                       std::memcpy(words.data(), header.data(), std::min(header.size(), words.size()));
                       Arrived arrived{static_cast<Ask>(words[0]), 0, payload.size()};
                       std::memcpy(&arrived.count, words.data() + 1, sizeof arrived.count);
                       arrived_.push_back(arrived);
                     });
  worker_.on_peer_failed([this](int, std::string_view reason) { failure_ = reason; });
}

void LinkProbe::set_peer(const std::string& address) {
  std::vector<std::string> both(2, address);
  both[static_cast<std::size_t>(worker_.rank())] = worker_.address();
  worker_.set_peers(std::move(both));
}

void LinkProbe::send(Ask ask, std::size_t num_bytes, std::uint32_t count) {
  std::array<char, 5> words{static_cast<char>(ask)};
  std::memcpy(words.data() + 1, &count, sizeof count);
  worker_.send(other(), std::as_bytes(std::span(words)), block_.part(0, num_bytes));
}

LinkProbe::Arrived LinkProbe::await(Deadline deadline) {
  while (arrived_.empty()) {
    if (!failure_.empty()) throw TransportError(failure_);
    if (worker_.progress()) continue;
    if (SteadyClock::now() > deadline) throw TransportError("no answer in time");
    std::this_thread::yield();
  }
  const Arrived first = arrived_.front();
  arrived_.pop_front();
  return first;
}

double LinkProbe::round_trip(Deadline deadline) {
  const auto start = SteadyClock::now();
  send(Ask::echo, small_bytes);
  await(deadline);
  return secs(SteadyClock::now() - start);
}

// Bytes a second; `count` becomes the number of messages that it took.
double LinkProbe::stream(Deadline deadline, std::uint32_t& count) {
  const auto start = SteadyClock::now();
  std::uint32_t sent = 0;
  for (count = 0;; ++count) {
    const bool has_time = sent == 0 || SteadyClock::now() - start < stream_time;
    while (has_time && sent < count + under_way) {
      send(Ask::acknowledge, large_bytes);
      ++sent;
    }
    if (count == sent) break;
    await(deadline);
  }
  return static_cast<double>(count) * large_bytes / secs(SteadyClock::now() - start);
}

double LinkProbe::stream_back(Deadline deadline, std::uint32_t count) {
  const auto start = SteadyClock::now();
  send(Ask::send, 0, count);
  for (std::uint32_t i = 0; i < count; ++i) await(deadline);
  return static_cast<double>(count) * large_bytes / secs(SteadyClock::now() - start);
}

LinkSpeed LinkProbe::measure(Deadline deadline) {
  round_trip(deadline);  // connects
  std::vector<double> trips;
  const auto start = SteadyClock::now();
  while (std::ssize(trips) < most_round_trips && (trips.empty() || SteadyClock::now() - start < latency_time))
    trips.push_back(round_trip(deadline));
  std::nth_element(trips.begin(), trips.begin() + std::ssize(trips) / 2, trips.end());
  LinkSpeed speed;
  speed.latency_secs = trips[trips.size() / 2] / 2;
  stream_back(deadline, 1);  // both sides have touched their memory once
  for (int round = 0; round < stream_rounds; ++round) {
    std::uint32_t count = 0;
    speed.bytes_per_sec = std::max(speed.bytes_per_sec, stream(deadline, count));
    speed.bytes_per_sec_back = std::max(speed.bytes_per_sec_back, stream_back(deadline, std::min(count, most_back)));
  }
  speed.transport = worker_.link(other());
  send(Ask::end, 0);
  worker_.close(500ms);
  return speed;
}

void LinkProbe::answer(Deadline deadline) {
  for (;;) {
    const Arrived asked = await(deadline);
    if (asked.ask == Ask::end) break;
    if (asked.ask == Ask::echo) send(Ask::nothing, asked.num_bytes);
    if (asked.ask == Ask::acknowledge) send(Ask::nothing, 0);
    if (asked.ask != Ask::send) continue;
    for (std::uint32_t i = 0; i < asked.count; ++i) {
      send(Ask::nothing, large_bytes);
      while (worker_.num_under_way() >= static_cast<int>(under_way)) {
        if (!failure_.empty() || SteadyClock::now() > deadline) throw TransportError("cannot send in time");
        if (!worker_.progress()) std::this_thread::yield();
      }
    }
  }
  worker_.close(500ms);
}

}  // namespace dsrun
