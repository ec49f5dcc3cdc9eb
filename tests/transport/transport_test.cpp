// UcxTransport between real processes: threads, sleep and wake, failures, an end in time.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <future>
#include <thread>

#include "runtime/transport/collectives/collectives.hpp"
#include "tests/transport/post.hpp"

namespace dsrun::test {
namespace {

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

void exchange_between_devices(Party& party, const std::vector<std::string>& transports) {
  constexpr int count = 50;
  Post post(party, transports);
  const int first = 2 * party.rank(), other = 2 * (1 - party.rank());
  std::vector<std::thread> threads;
  for (const int device : {0, 1})
    threads.emplace_back([&, device] {
      for (int i = 0; i < count; ++i) post.send(first + device, other + i % 2, i, static_cast<std::size_t>(i) << 12);
    });
  for (auto& thread : threads) thread.join();
  post.await_messages(2 * count);
  for (const auto& [destination, message] : post.arrived) {
    const int i = message.tag.microbatch;
    Party::expect(destination == first + i % 2 && message.tag.source / 2 == 1 - party.rank(), "the right device");
    const int ahead = party.rank() == 1 ? 1000 : -1000;
    Party::expect(message.sent_ns == 5011 + ahead && message.arrives_ns == (i % 2 == 0 ? 0 : 5012 + ahead),
                  "the times sent, by the own clock");
    Party::expect(is_patterned(message.payload, static_cast<std::size_t>(i) << 12, static_cast<unsigned>(i)),
                  "the bytes sent");
  }
  party.exchange("all here");
  const TransportReport report = post.transport->report();
  const auto& peer = report.peers[static_cast<std::size_t>(1 - party.rank())];
  Party::expect(peer.traffic.messages_in == 2 * count && peer.traffic.messages_out == 2 * count, "counted messages");
  Party::expect(peer.link.starts_with("tcp") == !transports.empty() && !peer.link.empty(),
                "the link, not " + peer.link);
  party.exchange("seen");
  Party::expect(post.transport->close(2s), "a clean close");
  Party::expect(post.transport->report().peers.size() == 2, "a report after the close");
}

TEST(UcxTransport, carries_tensors_from_many_threads) {
  Parties shared_memory(2, [](Party& party) { exchange_between_devices(party, {}); });
  EXPECT_EQ(shared_memory.wait(), "");
  Parties tcp(2, [](Party& party) { exchange_between_devices(party, {"tcp", "self"}); });
  EXPECT_EQ(tcp.wait(), "");
}

// Ranks are told where the others are one after the other, and whoever knows may send at once.
void take_before_the_start(Party& party, const std::vector<std::string>& transports) {
  constexpr int count = 8;
  Post post(party, transports, party.rank() == 1 ? 300ms : 0ms);
  if (party.rank() == 0) {
    for (int i = 0; i < count; ++i) post.send(0, 2, i, std::size_t{1} << (3 * i));  // eager and by rendezvous
  } else {
    post.await_messages(count);
    for (const auto& [destination, message] : post.arrived)
      Party::expect(is_patterned(message.payload, std::size_t{1} << (3 * message.tag.microbatch),
                                 static_cast<unsigned>(message.tag.microbatch)),
                    "the bytes sent");
    Party::expect(post.transport->report().drops == decltype(TransportReport::drops){}, "nothing dropped");
  }
  party.exchange("done");
  Party::expect(post.transport->close(2s), "a clean close");
}

TEST(UcxTransport, takes_messages_before_it_knows_where_the_others_are) {
  for (const std::vector<std::string>& transports : {std::vector<std::string>{}, {"tcp", "self"}}) {
    Parties parties(2, [&](Party& party) { take_before_the_start(party, transports); });
    EXPECT_EQ(parties.wait(), "");
  }
}

TEST(UcxTransport, sleeps_when_idle_and_wakes_for_both_sides) {
  Parties parties(2, [](Party& party) {
    Post post(party);
    const int first = 2 * party.rank(), other = 2 * (1 - party.rank());
    for (int i = 0; i < 3; ++i) {
      post.send(first, other, i, 100);
      post.await_messages(static_cast<std::size_t>(i) + 1);
      const double before = cpu_seconds();
      std::this_thread::sleep_for(500ms);
      Party::expect(cpu_seconds() - before < 0.025, "an idle process that takes no processor time");
    }
    party.exchange("done");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxTransport, reports_a_killed_process_and_closes_in_time) {
  Parties parties(2, [](Party& party) {
    Post post(party, {"tcp", "self"});
    post.send(2 * party.rank(), 2 * (1 - party.rank()), 0, 100);
    post.await_messages(1);
    party.exchange("met");
    if (party.rank() == 1) raise(SIGKILL);
    post.await([&] { return post.failed == 1; }, "the report of a death", 1s);
    Party::expect(post.transport->report().peers[1].has_failed, "the report says so too");
    post.send(0, 2, 0, 100);
    const auto start = TestClock::now();
    post.transport->close(500ms);
    Party::expect(TestClock::now() - start < 2s, "a close in time");
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
}

TEST(UcxTransport, takes_a_supervisors_word_over_shared_memory) {
  Parties parties(2, [](Party& party) {
    Post post(party);
    post.send(2 * party.rank(), 2 * (1 - party.rank()), 0, 100);
    post.await_messages(1);
    party.exchange("met");
    if (party.rank() == 1) raise(SIGKILL);
    post.transport->fail_peer(1, "gone");
    post.await([&] { return post.failed == 1; }, "the report", 1s);
    const auto start = TestClock::now();
    post.transport->close(500ms);
    Party::expect(TestClock::now() - start < 2s, "a close in time");
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
}

// A collective on the transport's thread, asked for by another.
TEST(UcxTransport, runs_tasks_between_messages) {
  Parties parties(2, [](Party& party) {
    Post post(party);
    std::vector<float> vector(1000, static_cast<float>(party.rank() + 1));
    std::promise<std::string> over;
    std::shared_ptr<CollectiveGroup> group;
    post.transport->run([&, group](UcxWorker& worker) mutable {
      if (!group) {
        GroupOptions options;
        options.members = {0, 1};
        group = std::make_shared<CollectiveGroup>(worker, options);
        group->start_all_reduce(Dtype::f32, std::as_writable_bytes(std::span(vector)));
      }
      if (!group->progress()) return false;
      over.set_value(group->failure());
      return true;
    });
    auto outcome = over.get_future();
    Party::expect(outcome.wait_for(10s) == std::future_status::ready && outcome.get().empty(), "an all-reduce");
    for (const float value : vector) Party::expect(value == 3, "the sum");
    party.exchange("done");
    Party::expect(post.transport->close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(UcxTransport, says_why_it_cannot_start) {
  Parties parties(1, [](Party& party) {
    TransportOptions options;
    options.ucx = test_options(party, {"tcp"});
    options.ucx.interfaces = {"nosuch0"};
    try {
      UcxTransport transport(options, {});
    } catch (const TransportError& failure) {
      return Party::expect(std::string(failure.what()).find("nosuch0") != std::string::npos, "the interface's name");
    }
    Party::expect(false, "a TransportError");
  });
  EXPECT_EQ(parties.wait(), "");
}

}  // namespace
}  // namespace dsrun::test
