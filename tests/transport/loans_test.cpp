// Tensors that processes of one machine read where they lie.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "tests/transport/post.hpp"

namespace dsrun::test {
namespace {

constexpr int count = 20;
constexpr std::size_t size = 100'000;

void send_all(Post& post, const Party& party) {
  for (int i = 0; i < count; ++i) post.send(2 * party.rank(), 2 * (1 - party.rank()), i, size);
  post.send(2 * party.rank(), 2 * (1 - party.rank()), count, 100);  // too little to be lent
}

void expect_all_here(Post& post, const Party& party, int turns = 1) {
  post.await_messages(count + 1);
  for (const auto& [destination, message] : post.arrived) {
    const int i = message.tag.microbatch;
    Party::expect(message.tag.source == 2 * (1 - party.rank()), "the sender");
    Party::expect(is_patterned(message.payload, i == count ? 100 : size, static_cast<unsigned>(i)), "the bytes sent");
  }
  const TrafficCount traffic = post.transport->report().peers[static_cast<std::size_t>(1 - party.rank())].traffic;
  const auto bytes = static_cast<std::int64_t>(count * size + 100);
  Party::expect(
      traffic.messages_in == turns * (count + 1) && traffic.bytes_in == turns * bytes,
      fmt::format("counted tensors, not {} of {} bytes in turn {}", traffic.messages_in, traffic.bytes_in, turns));
}

std::string link_of(Post& post, const Party& party) {
  return post.transport->report().peers[static_cast<std::size_t>(1 - party.rank())].link;
}

TEST(Loans, are_read_in_place_and_given_back) {
  Parties parties(2, [](Party& party) {
    Post post(party, {}, 0ms, Reach::machine);
    send_all(post, party);
    expect_all_here(post, party);
    Party::expect(link_of(post, party).ends_with(", in place"), "tensors in place, not " + link_of(post, party));
    // Whoever reads in place counts as holding messages; whoever lent does not any more, once its thread has sent.
    const auto counted = [&] { return post.pool->use().live_total; };
    const auto deadline = TestClock::now() + 5s;
    while (counted() != count * 100'032 + 128 && TestClock::now() < deadline) std::this_thread::sleep_for(1ms);
    Party::expect(counted() == count * 100'032 + 128, fmt::format("what is borrowed counts, not {}", counted()));
    party.exchange("seen");
    const std::size_t extent = post.extent();
    for (int turn = 2; turn < 20; ++turn) {
      post.forget_messages();
      std::this_thread::sleep_for(120ms);  // longer than answers are kept together
      party.exchange("again");
      send_all(post, party);
      expect_all_here(post, party, turn);
      party.exchange("seen");
    }
    Party::expect(post.extent() <= 2 * extent, "what was given back is used again");
    Party::expect(post.transport->close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(Loans, are_copies_where_the_reader_cannot_map_them) {
  Parties parties(2, [](Party& party) {
    Post post(party, {}, 0ms, Reach::machine);
    patterned(1, 0);  // has an arena, which takes addresses
    if (party.rank() == 1) {
      std::ifstream pages("/proc/self/statm");
      rlim_t num_pages = 0;
      pages >> num_pages;
      const rlim_t room = num_pages * static_cast<rlim_t>(getpagesize()) + (rlim_t{64} << 20);
      const rlimit limit{room, room};
      Party::expect(setrlimit(RLIMIT_AS, &limit) == 0, "a limit of addresses");
    }
    party.exchange("limited");
    send_all(post, party);
    expect_all_here(post, party);
    party.exchange("all here");  // and so all refusals have been answered
    const bool in_place = link_of(post, party).ends_with(", in place");
    Party::expect(in_place == (party.rank() == 1), "rank 0's tensors copied, not " + link_of(post, party));
    party.exchange("done");
    Party::expect(post.transport->close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(Loans, that_come_before_the_reader_knows_its_peers_are_kept) {
  Parties parties(2, [](Party& party) {
    Post post(party, {}, party.rank() == 1 ? 300ms : 0ms, Reach::machine);
    send_all(post, party);
    expect_all_here(post, party);
    post.forget_messages();
    party.exchange("done");
    Party::expect(post.transport->close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(Loans, outlive_a_lender_that_was_killed) {
  Parties parties(2, [](Party& party) {
    Post post(party, {}, 0ms, Reach::machine);
    send_all(post, party);
    post.await_messages(count + 1);
    party.exchange("met");
    if (party.rank() == 1) raise(SIGKILL);
    std::this_thread::sleep_for(50ms);
    expect_all_here(post, party);
    post.transport->fail_peer(1, "gone");
    post.forget_messages();
    const auto start = TestClock::now();
    post.transport->close(200ms);
    Party::expect(TestClock::now() - start < 2s, "a close in time");
  });
  EXPECT_EQ(parties.wait(20s, 1), "");
}

TEST(Loans, are_not_made_where_tcp_was_asked_for) {
  Parties parties(2, [](Party& party) {
    Post post(party, {"tcp", "self"}, 0ms, Reach::machine);
    send_all(post, party);
    expect_all_here(post, party);
    Party::expect(!link_of(post, party).ends_with(", in place"), "copies over tcp, not " + link_of(post, party));
    party.exchange("done");
    Party::expect(post.transport->close(2s), "a clean close");
  });
  EXPECT_EQ(parties.wait(), "");
}

}  // namespace
}  // namespace dsrun::test
