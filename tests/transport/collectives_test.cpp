// Collective operations between real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <numeric>

#include "runtime/transport/collectives/collectives.hpp"
#include "tests/transport/processes.hpp"

namespace dsrun::test {
namespace {

struct Member {
  Member(const Party& party, std::vector<std::string> transports, GroupOptions options = {})
      : worker(test_options(party, std::move(transports))) {
    worker.set_peers(party.exchange(worker.address()));
    options.members.resize(static_cast<std::size_t>(party.num_ranks()));
    std::iota(options.members.begin(), options.members.end(), 0);
    group = std::make_unique<CollectiveGroup>(worker, options);
  }
  void finish(const std::string& what) {
    Party::progress_until(
        worker, [&] { return group->progress(); }, what);
    Party::expect(!group->has_failed(), what + ", not " + group->failure());
  }
  UcxWorker worker;
  std::unique_ptr<CollectiveGroup> group;
};

std::vector<float> values(std::size_t count, int rank) {
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i)
    all[i] = static_cast<float>((i * 7 + static_cast<std::size_t>(rank) * 13) % 101);
  return all;
}

float sum_at(std::size_t i, int num_ranks) {
  float sum = 0;
  for (int rank = 0; rank < num_ranks; ++rank)
    sum += static_cast<float>((i * 7 + static_cast<std::size_t>(rank) * 13) % 101);
  return sum;
}

template <class T>
std::span<std::byte> bytes_of(std::vector<T>& vector) {
  return std::as_writable_bytes(std::span(vector));
}

void all_reduce(Member& member, std::size_t count) {
  auto vector = values(count, member.group->rank());
  member.group->start_all_reduce(Dtype::f32, bytes_of(vector));
  member.finish("an all-reduce");
  for (std::size_t i = 0; i < count; ++i)
    Party::expect(vector[i] == sum_at(i, member.group->num_ranks()), "the sum of all");
}

void reduce_scatter_and_gather(Member& member, std::size_t count) {
  const auto n = static_cast<std::size_t>(member.group->num_ranks()),
             r = static_cast<std::size_t>(member.group->rank());
  std::vector<std::size_t> bytes(n, count / n * 4);
  bytes[0] += count % n * 4;
  const std::size_t first =
      std::accumulate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(r), std::size_t{0}) / 4;
  auto vector = values(count, static_cast<int>(r));
  std::vector<float> own(bytes[r] / 4), all(count);
  member.group->start_reduce_scatter(Dtype::f32, bytes_of(vector), bytes, bytes_of(own));
  member.finish("a reduce-scatter");
  for (std::size_t i = 0; i < own.size(); ++i)
    Party::expect(own[i] == sum_at(first + i, static_cast<int>(n)), "the sum of the own part");
  member.group->start_all_gather(bytes_of(own), bytes, bytes_of(all));
  member.finish("an all-gather");
  for (std::size_t i = 0; i < count; ++i) Party::expect(all[i] == sum_at(i, static_cast<int>(n)), "everybody's parts");
}

void all_to_all(Member& member, std::size_t count) {
  const auto n = static_cast<std::size_t>(member.group->num_ranks()),
             r = static_cast<std::size_t>(member.group->rank());
  const auto size = [&](std::size_t from, std::size_t to) { return count * ((from + 2 * to) % 3) * 4; };
  std::vector<std::size_t> out_bytes, in_bytes;
  std::vector<float> out, in;
  for (std::size_t other = 0; other < n; ++other) {
    out_bytes.push_back(size(r, other));
    in_bytes.push_back(size(other, r));
    out.insert(out.end(), size(r, other) / 4, static_cast<float>(100 * r + other));
    in.insert(in.end(), size(other, r) / 4, -1.0f);
  }
  member.group->start_all_to_all_v(bytes_of(out), out_bytes, bytes_of(in), in_bytes);
  member.finish("an all-to-all");
  std::size_t at = 0;
  for (std::size_t other = 0; other < n; ++other)
    for (std::size_t i = 0; i < in_bytes[other] / 4; ++i)
      Party::expect(in[at++] == static_cast<float>(100 * other + r), "the part of each");
}

void do_everything(Party& party, const std::vector<std::string>& transports, const GroupOptions& options = {}) {
  Member member(party, transports, options);
  for (const std::size_t count : {1, 1000, 1 << 18}) {
    member.group->start_barrier();
    member.finish("a barrier");
    all_reduce(member, count);
    if (options.algorithm != Algorithm::scatter_gather) {
      reduce_scatter_and_gather(member, count);
      all_to_all(member, count);
    }
  }
  member.group->start_barrier();
  member.finish("the last barrier");
  member.group.reset();
  Party::expect(member.worker.close(2s), "a clean close");
}

TEST(CollectiveGroup, does_everything_over_shared_memory_and_tcp) {
  for (const auto& transports : {std::vector<std::string>{}, {"tcp", "self"}})
    for (const int num_ranks : {1, 2, 3}) {
      Parties parties(num_ranks, [&](Party& party) { do_everything(party, transports); });
      EXPECT_EQ(parties.wait(), "");
    }
}

TEST(CollectiveGroup, goes_around_the_ring) {
  GroupOptions options;
  options.algorithm = Algorithm::ring;
  Parties parties(3, [&](Party& party) {
    Member member(party, {}, options);
    for (const std::size_t count : {3, 1000, 1 << 18}) {
      all_reduce(member, count);
      reduce_scatter_and_gather(member, count);
    }
    party.exchange("done");
  });
  EXPECT_EQ(parties.wait(), "");
}

TEST(CollectiveGroup, names_who_is_late_and_who_is_lost) {
  Parties parties(3, [&](Party& party) {
    Member member(party, {"tcp", "self"});
    member.group->start_barrier();
    member.finish("a barrier");
    party.exchange("met");
    if (party.rank() == 2) {
      party.exchange("late");
      raise(SIGKILL);
    }
    const auto failure_within = [&](std::uint32_t channel, std::chrono::milliseconds timeout) {
      GroupOptions options;
      options.members = {0, 1, 2};
      options.channel = channel;
      options.timeout = timeout;
      CollectiveGroup group(member.worker, options);
      std::vector<float> vector(1 << 16, 1.0f);
      group.start_all_reduce(Dtype::f32, bytes_of(vector));
      Party::progress_until(
          member.worker, [&] { return group.progress(); }, "an end", 30s);
      member.worker.keep(std::make_shared<std::vector<float>>(std::move(vector)));
      return group.failure();
    };
    const std::string late = failure_within(1, 3s);
    party.exchange("that is late");
    const std::string lost = failure_within(2, 60s);
    Party::expect(late.ends_with(": nothing from rank 2 within 3 s"), "who is late, not " + late);
    Party::expect(lost.find("rank 2") != std::string::npos, "who is lost, not " + lost);
    const auto start = TestClock::now();
    member.worker.close(200ms);
    Party::expect(TestClock::now() - start < 10s, "a close in time");
  });
  EXPECT_EQ(parties.wait(90s, 2), "");
}

}  // namespace
}  // namespace dsrun::test
