// UcxWorker between real processes.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/transport/processes.hpp"

namespace dsrun::test {
namespace {

// A worker that keeps what arrives.
struct Station {
  explicit Station(UcxOptions options, const Party& party) : worker(std::move(options)) {
    worker.on_message([this](int, std::span<const std::byte>,
                             std::size_t num_bytes) { return pool->allocate(num_bytes, MemoryClass::messages); },
                      [this](int source, std::span<const std::byte> header, Buffer payload) {
                        arrived.push_back({source, {header.begin(), header.end()}, std::move(payload)});
                      });
    worker.on_peer_failed([this](int peer, std::string_view reason) {
      failed_peer = peer;
      failure = reason;
    });
    worker.set_peers(party.exchange(worker.address()));
  }
  void await(std::size_t count, const std::string& what) {
    Party::progress_until(
        worker, [&] { return arrived.size() >= count; }, what);
  }
  std::int64_t dropped(Drop reason) const { return worker.drops()[static_cast<std::size_t>(reason)]; }

  struct Arrived {
    int source;
    std::vector<std::byte> header;
    Buffer payload;
  };
  std::shared_ptr<MemoryPool> pool = MemoryPool::make();
  std::vector<Arrived> arrived;
  int failed_peer = -1;
  std::string failure;
  UcxWorker worker;
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

const std::vector<std::vector<std::string>> both_ways = {{}, {"tcp", "self"}};

constexpr std::size_t sizes[] = {0, 1, 8 << 10, 1 << 20, 64 << 20};

void exchange_all_sizes(Party& party, const std::vector<std::string>& transports) {
  Station station(test_options(party, transports), party);
  const int peer = 1 - party.rank();
  unsigned seed = 0;
  for (const std::size_t size : sizes) {
    ++seed;
    station.worker.send(peer, bytes_of(std::string(seed, 'h')), patterned(size, seed));
  }
  station.await(std::size(sizes), "a message of each size");
  for (const auto& message : station.arrived) {
    const auto index = message.header.size() - 1;  // which says the size
    Party::expect(message.source == peer && index < std::size(sizes), "source and header");
    Party::expect(is_patterned(message.payload, sizes[index], static_cast<unsigned>(index + 1)), "the bytes sent");
  }
  Party::progress_until(
      station.worker, [&] { return station.worker.num_under_way() == 0; }, "all sent");
  Party::expect(station.worker.traffic(peer).messages_in == std::ssize(sizes), "counted messages");
  Party::expect(station.worker.traffic(peer).bytes_out == station.worker.traffic(peer).bytes_in, "counted bytes");
  const std::string link = station.worker.link(peer);
  const bool over_tcp = !transports.empty();
  Party::expect(link.starts_with("tcp") == over_tcp, "the link asked for, not " + link);
  Party::expect(over_tcp || link.starts_with("posix") || link.starts_with("sysv"), "shared memory, not " + link);
  party.exchange("done", &station.worker);
  Party::expect(station.worker.close(2s), "a clean close");
}

TEST(UcxWorker, carries_every_size_over_shared_memory_and_tcp) {
  for (const auto& transports : both_ways) {
    Parties parties(2, [&](Party& party) { exchange_all_sizes(party, transports); });
    EXPECT_EQ(parties.wait(), "");
  }
}

TEST(UcxWorker, sends_to_itself) {
  Parties parties(1, [](Party& party) {
    Station station(test_options(party), party);
    for (const std::size_t size : {std::size_t{5}, std::size_t{1} << 20})
      station.worker.send(0, {}, patterned(size, 9));
    station.await(2, "both messages");
    Party::expect(station.worker.close(1s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, drops_and_counts_what_does_not_belong_to_the_job) {
  // Ranks 1 to 3 are intruders of a kind each, rank 4 is not.
  Parties parties(5, [](Party& party) {
    UcxOptions options = test_options(party);
    if (party.rank() == 1) options.secret = test_secret(2);
    if (party.rank() == 2) ++options.generation;
    if (party.rank() == 3) ++options.version;
    Station station(options, party);
    if (party.rank() == 0) {
      station.await(20, "the good messages");
      const auto all_dropped = [&] {
        return station.dropped(Drop::proof) == 2 && station.dropped(Drop::generation) == 2 &&
               station.dropped(Drop::version) == 2;
      };
      Party::progress_until(station.worker, all_dropped, "two dropped for each reason");
      for (const auto& message : station.arrived) Party::expect(message.source == 4, "only rank 4's messages");
    } else if (party.rank() == 4) {
      for (unsigned i = 0; i < 20; ++i) station.worker.send(0, bytes_of("x"), patterned(i << 14, i));
    } else {
      station.worker.send(0, bytes_of("x"), patterned(100, 0));
      station.worker.send(0, bytes_of("x"), patterned(1 << 20, 0));  // rendezvous
    }
    Party::progress_until(
        station.worker, [&] { return station.worker.num_under_way() == 0; }, "all sent or refused");
    // Whoever is done goes on serving those who are not.
    party.exchange("done", &station.worker);
    Party::expect(station.worker.close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, fails_the_sender_of_what_it_has_no_memory_for) {
  Parties parties(2, [](Party& party) {
    Station station(test_options(party), party);
    if (party.rank() == 0) {
      station.worker.on_message([](int, auto, std::size_t) -> Buffer { throw std::bad_alloc(); }, {});
      Party::progress_until(
          station.worker, [&] { return station.failed_peer == 1; }, "a failure");
      Party::expect(station.dropped(Drop::refused) == 1, "one refused message");
    } else {
      station.worker.send(0, {}, patterned(1 << 20, 0));
      Party::progress_until(
          station.worker, [&] { return station.worker.num_under_way() == 0; }, "an end of the message");
    }
    party.exchange("done", &station.worker);
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, tagged_messages_meet_receives_posted_before_and_after) {
  for (const auto& transports : both_ways) {
    Parties parties(2, [&](Party& party) {
      Station station(test_options(party, transports), party);
      UcxWorker& worker = station.worker;
      const int peer = 1 - party.rank();
      std::uint64_t sequence = 0;
      for (const std::size_t size : sizes) {
        Transfer out, in;
        const Buffer data = patterned(size, 7), received = patterned(size, 8);
        const std::span<std::byte> room(reinterpret_cast<std::byte*>(received.data()), size);
        const auto in_tag = worker.tag(peer, party.rank(), 1, sequence),
                   out_tag = worker.tag(party.rank(), peer, 1, sequence);
        if (party.rank() == 0) worker.receive(in_tag, room, in);
        worker.send(peer, out_tag, std::as_bytes(std::span(data.data(), size)), out);
        if (party.rank() == 1) worker.receive(in_tag, room, in);
        Party::progress_until(
            worker, [&] { return in.is_done() && out.is_done(); }, "both transfers");
        Party::expect(!in.has_failed() && !out.has_failed(),
                      "success, not " + std::string(in.failure()) + " and " + std::string(out.failure()));
        Party::expect(is_patterned(received, size, 7), "the bytes sent");
        ++sequence;
      }
      Transfer never;
      std::byte room[8];
      worker.receive(worker.tag(peer, party.rank(), 1, 99), room, never);
      worker.cancel(never);
      Party::progress_until(
          worker, [&] { return never.is_done(); }, "an end of the cancelled receive");
      Party::expect(never.has_failed(), "a cancelled receive fails");
      party.exchange("done", &station.worker);
    });
    EXPECT_EQ(parties.wait(), "");
  }
}

TEST(UcxWorker, a_message_of_another_length_than_agreed_fails_its_receive) {
  Parties parties(2, [](Party& party) {
    Station station(test_options(party), party);
    std::byte data[16] = {};
    for (const std::size_t size : {8, 16}) {
      Transfer transfer;
      const auto tag = station.worker.tag(0, 1, 0, size);
      if (party.rank() == 0)
        station.worker.send(1, tag, std::span(data).first(size), transfer);
      else
        station.worker.receive(tag, std::span(data).first(24 - size), transfer);
      Party::progress_until(
          station.worker, [&] { return transfer.is_done(); }, "the transfer");
      if (party.rank() == 1) Party::expect(transfer.has_failed(), "a failed receive");
    }
    party.exchange("done", &station.worker);
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, reports_a_killed_peer_over_tcp_within_a_second) {
  Parties parties(2, [](Party& party) {
    Station station(test_options(party, {"tcp", "self"}), party);
    station.worker.send(1 - party.rank(), {}, patterned(10, 0));
    station.await(1, "the peer's message");
    party.exchange("met", &station.worker);
    if (party.rank() == 1) raise(SIGKILL);
    const auto killed = TestClock::now();
    Party::progress_until(
        station.worker, [&] { return station.failed_peer == 1; }, "the report of a death", 1s);
    Party::expect(TestClock::now() - killed < 1s && !station.failure.empty(), "a reason");
    bool was_sent = true;
    station.worker.send(1, {}, patterned(10, 0), [&](bool sent) { was_sent = sent; });
    Party::expect(!was_sent, "no message to the dead");
    const auto start = TestClock::now();
    station.worker.close(1s);
    Party::expect(TestClock::now() - start < 2s, "a close in time");
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
}

// Nothing breaks, no word comes: a link that is cut, a process that is frozen.
TEST(UcxWorker, closes_in_time_while_a_peer_is_silent) {
  for (const char* transport : {"tcp", "posix"}) {
    Parties parties(2, [&](Party& party) {
      Station station(test_options(party, {transport, "self"}), party);
      station.worker.send(1 - party.rank(), {}, patterned(10, 0));
      station.await(1, "the peer's message");
      party.exchange("met", &station.worker);
      if (party.rank() == 0) {
        station.worker.send(1, {}, patterned(8 << 20, 0));  // a rendezvous that nobody answers
        for (int i = 0; i < 2000; ++i) station.worker.send(1, {}, patterned(4000, 0));
        const auto start = TestClock::now();
        Party::expect(!station.worker.close(200ms), "not all has left");
        Party::expect(TestClock::now() - start < 2s, "a close in time");
      }
      party.exchange("closed");
      if (party.rank() == 1) station.worker.close(0ms);
    });
    EXPECT_EQ(parties.wait(20s), "") << transport;
  }
}

TEST(UcxWorker, reports_a_killed_peer_where_the_environment_asks_for_tcp) {
  Parties parties(2, [](Party& party) {
    setenv("UCX_TLS", "tcp,self", 1);
    Station station(test_options(party), party);
    station.worker.connect(1 - party.rank());  // no message needed
    Party::progress_until(
        station.worker, [&] { return !station.worker.progress(); }, "a connection", 1s);
    party.exchange("met", &station.worker);
    if (party.rank() == 1) raise(SIGKILL);
    Party::progress_until(
        station.worker, [&] { return station.failed_peer == 1; }, "the report of a death", 2s);
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
}

// Over shared memory nobody notices, but closing takes no longer than its grace.
TEST(UcxWorker, closes_in_time_after_a_peer_was_killed) {
  for (const bool told : {false, true}) {
    Parties parties(2, [&](Party& party) {
      Station station(test_options(party), party);
      station.worker.send(1 - party.rank(), {}, patterned(10, 0));
      station.await(1, "the peer's message");
      party.exchange("met", &station.worker);
      if (party.rank() == 1) raise(SIGKILL);
      std::this_thread::sleep_for(50ms);
      station.worker.send(1, {}, patterned(1 << 20, 0));  // a rendezvous that nobody answers
      for (int i = 0; i < 200; ++i) station.worker.send(1, {}, patterned(4000, 0));
      if (told) station.worker.fail_peer(1, "the supervisor says so");
      Party::expect(!told || station.failed_peer == 1, "a report of what was told");
      const auto start = TestClock::now();
      Party::expect(!station.worker.close(200ms), "not all has left");
      Party::expect(TestClock::now() - start < 2s, "a close in time");
    });
    EXPECT_EQ(parties.wait(20s, 1), "");
  }
}

// What a killed process leaves behind is what its peers and the kernel do not clean up. Segments of other tests that
// run at the same time go away while this one waits.
TEST(UcxWorker, leaves_nothing_in_shared_memory) {
  const auto left = [] {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) names.insert(file.path().filename());
    std::ifstream segments("/proc/sysvipc/shm");
    for (std::string key, id; segments >> key >> id; segments.ignore(1000, '\n')) names.insert("sysv " + id);
    return names;
  };
  const auto before = left();
  Parties parties(2, [](Party& party) {
    Station station(test_options(party), party);
    station.worker.send(1 - party.rank(), {}, patterned(1 << 20, 0));
    station.await(1, "the peer's message");
    Party::progress_until(
        station.worker, [&] { return station.worker.num_under_way() == 0; }, "all sent");
    party.exchange("met", &station.worker);
    if (party.rank() == 1) raise(SIGKILL);
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
  std::vector<std::string> more;
  for (const auto until = TestClock::now() + 10s; TestClock::now() < until; std::this_thread::sleep_for(100ms)) {
    const auto after = left();
    more.clear();
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(more));
    std::erase_if(more, [](const std::string& name) {
      return name.find("ucx") == std::string::npos && !name.starts_with("sysv");
    });
    if (more.empty()) break;
  }
  EXPECT_TRUE(more.empty()) << more[0];
}

// Addresses that this process listens on, as /proc prints them: "0100007F" is 127.0.0.1.
std::set<std::string> listening_addresses() {
  std::set<std::string> own_sockets, addresses;
  for (const auto& descriptor : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(descriptor.path(), gone);
    if (target.starts_with("socket:[")) own_sockets.insert(target.substr(8, target.size() - 9));
  }
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::vector<std::string> columns(std::istream_iterator<std::string>(words), {});
      const bool is_listening = columns.size() > 9 && columns[3] == "0A";
      if (is_listening && own_sockets.count(columns[9]) > 0)
        addresses.insert(columns[1].substr(0, columns[1].find(':')));
    }
  }
  return addresses;
}

TEST(UcxWorker, listens_on_the_interface_asked_for_alone) {
  Parties parties(2, [](Party& party) {
    UcxOptions options = test_options(party, {"tcp", "self"});
    options.interfaces = {"lo"};
    Station station(options, party);
    station.worker.send(1 - party.rank(), {}, patterned(100, 0));
    station.await(1, "the peer's message");
    Party::expect(station.worker.link(1 - party.rank()) == "tcp/lo",
                  "lo, not " + station.worker.link(1 - party.rank()));
    Party::expect(listening_addresses() == std::set<std::string>{"0100007F"}, "nobody listens but on 127.0.0.1");
    party.exchange("done", &station.worker);
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, leaves_the_signals_of_crashes_alone) {
  Parties parties(1, [](Party& party) {
    struct sigaction after {};
    Station station(test_options(party), party);
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
      sigaction(signal, nullptr, &after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
      Party::expect(after.sa_handler == SIG_DFL, "the default action of a crash");
#endif
    }
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxWorker, says_what_it_cannot_do) {
  Parties parties(1, [](Party& party) {
    const auto failure_of = [](const UcxOptions& options) -> std::string {
      try {
        UcxWorker worker(options);
        worker.set_peers({"nonsense"});
      } catch (const TransportError& failure) {
        return failure.what();
      }
      return "";
    };
    UcxOptions options = test_options(party);
    Party::expect(failure_of(options).find("no address") != std::string::npos, "nonsense is refused");
    options.num_ranks = 2;
    Party::expect(failure_of(options) == "1 addresses for 2 ranks", "one address too few");
    options.rank = 2;
    Party::expect(failure_of(options) == "rank 2 of 2 does not exist", "a rank outside the job");
    options = test_options(party);
    options.interfaces = {"nosuch0"};
    options.transports = {"tcp"};
    Party::expect(failure_of(options).find("nosuch0") != std::string::npos, "a missing interface is named");
    options = test_options(party, {"posix", "self"});
    options.min_shm_bytes = ~std::size_t{0};
    Party::expect(failure_of(options).find("/dev/shm") != std::string::npos, "a small /dev/shm is named");
  });
  EXPECT_EQ(parties.wait(), "");
}

}  // namespace
}  // namespace dsrun::test
