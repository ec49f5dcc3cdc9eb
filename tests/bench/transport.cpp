// Times the transport between processes of this machine: one way of a message, bandwidth, collectives.
//
//   bench_transport [latency | sleep | bandwidth | collectives]... [--ranks N] [--transports tcp,self] [--op NAME]
//                   [--from BYTES] [--to BYTES] [--blocks N] [--algorithm NAME] [--chunk BYTES]
//
// Rank r runs on core r modulo the number of cores. A line for each figure: what, bytes, the median and the quartiles
// of blocks of equally many operations; microseconds, but GB/s for bandwidth. transport_against_peers.py compares.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

#include "runtime/transport/collectives/collectives.hpp"
#include "runtime/transport/ucx/ucx_transport.hpp"
#include "tests/transport/processes.hpp"

namespace dsrun::test {
namespace {

struct Wanted {
  std::vector<std::string> what;
  int num_ranks = 2;
  std::vector<std::string> transports;
  std::string op;
  std::size_t from = 1 << 10, to = 64 << 20;
  int blocks = 100;
  std::string algorithm;
  std::size_t chunk = 0;
};

using Bytes = std::vector<std::byte>;

double seconds_since(TestClock::time_point start) {
  return std::chrono::duration<double>(TestClock::now() - start).count();
}

void print_line(const std::string& what, std::size_t num_bytes, std::vector<double> values, bool more_is_better) {
  std::sort(values.begin(), values.end());
  if (more_is_better) std::reverse(values.begin(), values.end());
  const auto at = [&](std::size_t tenths) { return values[(values.size() - 1) * tenths / 10]; };
  fmt::print("{} {} {:.4g} {:.4g} {:.4g}\n", what, num_bytes, at(5), at(1), at(9));
}

// A rank of the bench: a worker that knows the others.
class Bencher {
 public:
  Bencher(const Party& party, const Wanted& wanted)
      : wanted_(wanted), worker_(test_options(party, wanted.transports)), party_(party) {
    worker_.on_message(
        [this](int, auto, std::size_t num_bytes) { return pool_->allocate(num_bytes, MemoryClass::messages); },
        [this](int, auto, const Buffer&) { ++num_arrived_; });
    worker_.set_peers(party.exchange(worker_.address()));
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    shares_core_ = party.num_ranks() > cores;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(party.rank() % cores, &set);
    sched_setaffinity(0, sizeof set, &set);
    GroupOptions options;
    options.members.resize(static_cast<std::size_t>(party.num_ranks()));
    std::iota(options.members.begin(), options.members.end(), 0);
    options.timeout = 60s;
    options.chunk = wanted.chunk;
    barrier_ = std::make_unique<CollectiveGroup>(worker_, options);
    options.channel = 1;
    for (int a = 0; a < static_cast<int>(num_algorithms); ++a)
      if (algorithm_name(static_cast<Algorithm>(a)) == wanted.algorithm) options.algorithm = static_cast<Algorithm>(a);
    group_ = std::make_unique<CollectiveGroup>(worker_, options);
  }

  // As long as MPI takes to start: a core that has slept is slow at first.
  void warm_up() {
    const auto start = TestClock::now();
    while (seconds_since(start) < 0.5) worker_.progress();
    finish(*barrier_, [&] { barrier_->start_barrier(); });
  }

  void run(const std::string& what) {
    if (what == "latency") latency();
    if (what == "sleep") sleep();
    if (what == "bandwidth") bandwidth();
    if (what == "collectives") collectives();
    finish(*barrier_, [&] { barrier_->start_barrier(); });
  }

  void close() {
    finish(*barrier_, [&] { barrier_->start_barrier(); });
    group_.reset();
    barrier_.reset();
    worker_.close(2s);
  }

 private:
  int rank() const { return worker_.rank(); }
  int other() const { return 1 - rank(); }
  void progress() {
    if (!worker_.progress() && shares_core_) sched_yield();
  }

  template <class Start>
  void finish(CollectiveGroup& group, Start&& start) {
    start();
    while (!group.progress()) progress();
    Party::expect(!group.has_failed(), group.failure());
  }
  void finish(Transfer& transfer) {
    while (!transfer.is_done()) progress();
    Party::expect(!transfer.has_failed(), "success");
  }
  void send_tagged(std::span<const std::byte> data, std::uint64_t sequence, Transfer& transfer) {
    worker_.send(other(), worker_.tag(rank(), other(), 9, sequence), data, transfer);
  }
  void receive_tagged(std::span<std::byte> data, std::uint64_t sequence, Transfer& transfer) {
    worker_.receive(worker_.tag(other(), rank(), 9, sequence), data, transfer);
  }

  // The first may have come while the barrier before it was still under way.
  void await_messages(std::int64_t count) {
    for (num_awaited_ += count; num_arrived_ < num_awaited_;) progress();
  }

  // Microseconds of one call, by block, after a warm-up; all ranks begin a block together.
  template <class Call>
  std::vector<double> time_blocks(std::size_t calls, Call&& call, int blocks = 0) {
    std::vector<double> times;
    for (int block = -2; block < (blocks > 0 ? blocks : wanted_.blocks); ++block) {
      finish(*barrier_, [&] { barrier_->start_barrier(); });
      const auto start = TestClock::now();
      for (std::size_t i = 0; i < calls; ++i) call();
      if (block >= 0) times.push_back(1e6 * seconds_since(start) / static_cast<double>(calls));
    }
    return times;
  }
  void report(const std::string& what, std::size_t num_bytes, const std::vector<double>& values,
              bool more_is_better = false) {
    if (rank() == 0) print_line(what, num_bytes, values, more_is_better);
  }
  static std::vector<double> halves(std::vector<double> values) {
    for (double& value : values) value /= 2;
    return values;
  }

  void latency() {
    std::byte data[8] = {};
    std::uint64_t sequence = 0;
    report("tag_latency", 8, halves(time_blocks(200, [&] {
             Transfer in, out;
             if (rank() == 1) receive_tagged(data, sequence, in), finish(in);
             send_tagged(data, sequence, out), finish(out);
             if (rank() == 0) receive_tagged(data, sequence, in), finish(in);
             ++sequence;
           })));
    const Buffer payload = pool_->allocate(8, MemoryClass::messages);
    std::memset(payload.data(), 0, 8);
    report("message_latency", 8, halves(time_blocks(200, [&] {
             if (rank() == 1) await_messages(1);
             worker_.send(other(), {}, payload);
             if (rank() == 0) await_messages(1);
           })));
  }

  // Both sides sleep until the message comes; a pause before each so that they do.
  void sleep() {
    std::byte data[8] = {};
    std::uint64_t sequence = std::uint64_t{1} << 40;
    const auto finish_sleeping = [&](Transfer& transfer) {
      while (!transfer.is_done())
        if (!worker_.progress()) worker_.wait(1s);
    };
    std::vector<double> times;
    for (int i = 0; i < 300; ++i, ++sequence) {
      Transfer in, out;
      receive_tagged(data, sequence, in);
      if (rank() == 0) {
        std::this_thread::sleep_for(1ms);
        const auto start = TestClock::now();
        send_tagged(data, sequence, out);
        finish_sleeping(in);
        times.push_back(0.5e6 * seconds_since(start));
      } else {
        finish_sleeping(in);
        send_tagged(data, sequence, out);
      }
      finish(out);
    }
    report("sleep_latency", 8, times);
  }

  // One way, one message after the other from one buffer, as ucx_perftest does it.
  void bandwidth() {
    constexpr std::size_t size = 4 << 20, per_block = 8;
    Bytes data(size, std::byte{1});
    std::uint64_t sequence = std::uint64_t{1} << 41;
    const auto tagged = time_blocks(1, [&] {
      for (std::size_t i = 0; i < per_block; ++i, ++sequence) {
        Transfer transfer;
        if (rank() == 0)
          send_tagged(data, sequence, transfer);
        else
          receive_tagged(data, sequence, transfer);
        finish(transfer);
      }
    });
    report_rate("tag_bandwidth", size, per_block, tagged);
    const Buffer payload = pool_->allocate(size, MemoryClass::messages);
    std::memset(payload.data(), 1, size);
    const auto messages = time_blocks(1, [&] {
      for (std::size_t i = 0; i < per_block && rank() == 0; ++i) {
        worker_.send(1, {}, payload);
        while (worker_.num_under_way() > 0) progress();
      }
      if (rank() == 1) await_messages(per_block);
      while (worker_.num_under_way() > 0) progress();
    });
    report_rate("message_bandwidth", size, per_block, messages);
  }
  void report_rate(const std::string& what, std::size_t size, std::size_t count, std::vector<double> times) {
    for (double& time : times) time = static_cast<double>(size * count) / time * 1e-3;
    report(what, size, times, true);
  }

  void collectives() {
    const auto n = static_cast<std::size_t>(worker_.num_ranks());
    for (std::size_t size = wanted_.from; size <= wanted_.to; size *= 4) {
      const std::vector<std::size_t> bytes(n, size / n);
      Bytes whole(size, std::byte{0}), other(size, std::byte{0}), part(size / n, std::byte{0});
      const std::size_t calls = std::clamp<std::size_t>((std::size_t{1} << 20) / size, 1, 50);
      const int blocks = size > (4 << 20) ? wanted_.blocks / 5 : wanted_.blocks;
      const auto time = [&](const std::string& name, auto&& start) {
        if (wanted_.op.empty() || wanted_.op == name)
          report(name, size,
                 time_blocks(
                     calls, [&] { finish(*group_, start); }, blocks));
      };
      time("all_reduce", [&] { group_->start_all_reduce(Dtype::f32, whole); });
      time("all_gather", [&] { group_->start_all_gather(part, bytes, whole); });
      time("reduce_scatter", [&] { group_->start_reduce_scatter(Dtype::f32, whole, bytes, part); });
      time("all_to_all", [&] { group_->start_all_to_all_v(whole, bytes, other, bytes); });
    }
  }

  const Wanted& wanted_;
  std::shared_ptr<MemoryPool> pool_ = MemoryPool::make();
  std::int64_t num_arrived_ = 0, num_awaited_ = 0;
  UcxWorker worker_;
  const Party& party_;
  std::unique_ptr<CollectiveGroup> barrier_, group_;
  bool shares_core_ = false;
};

Wanted read_arguments(int count, char** texts) {
  Wanted wanted;
  for (int i = 1; i < count; ++i) {
    const std::string text = texts[i];
    if (!text.starts_with("--")) {
      wanted.what.push_back(text);
      continue;
    }
    const std::string value = i + 1 < count ? texts[++i] : "";
    if (text == "--ranks") wanted.num_ranks = std::stoi(value);
    if (text == "--op") wanted.op = value;
    if (text == "--from") wanted.from = std::stoul(value);
    if (text == "--to") wanted.to = std::stoul(value);
    if (text == "--blocks") wanted.blocks = std::stoi(value);
    if (text == "--algorithm") wanted.algorithm = value;
    if (text == "--chunk") wanted.chunk = std::stoul(value);
    for (std::size_t begin = 0; text == "--transports" && begin <= value.size();) {
      const std::size_t end = std::min(value.find(',', begin), value.size());
      wanted.transports.push_back(value.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (wanted.what.empty()) wanted.what = {"latency", "sleep", "bandwidth", "collectives"};
  return wanted;
}

}  // namespace
}  // namespace dsrun::test

int main(int count, char** texts) {
  using namespace dsrun::test;
  const Wanted wanted = read_arguments(count, texts);
  Parties parties(wanted.num_ranks, [&](Party& party) {
    Bencher bencher(party, wanted);
    bencher.warm_up();
    for (const auto& what : wanted.what) bencher.run(what);
    bencher.close();
  });
  const std::string faults = parties.wait(10min);
  if (!faults.empty()) fmt::print(stderr, "{}\n", faults);
  return faults.empty() ? 0 : 1;
}
