// Collective plans, executed by a simulation of all ranks in which messages take as long as a seed says. No UCX.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

#include "runtime/transport/collectives/collective_plan.hpp"
#include "runtime/transport/collectives/sums.hpp"

namespace dsrun::test {
namespace {

using Bytes = std::vector<std::byte>;

struct SimulatedRank {
  CollectiveShape shape;
  CollectivePlan plan;
  std::vector<int> state;  // 0 waiting, 1 under way, 2 done
  Bytes input, output, scratch;

  std::byte* at(Spot spot) {
    Bytes& place = spot.place == MemoryPlace::input ? input : spot.place == MemoryPlace::output ? output : scratch;
    return place.data() + spot.offset;
  }
  std::size_t room(Spot spot) const {
    const Bytes& place = spot.place == MemoryPlace::input    ? input
                         : spot.place == MemoryPlace::output ? output
                                                             : scratch;
    return place.size() - spot.offset;
  }
};

class Simulation {
 public:
  Simulation(std::vector<SimulatedRank> ranks, unsigned seed) : ranks_(std::move(ranks)), random_(seed) {
    for (auto& rank : ranks_) {
      plan_collective(rank.shape, rank.plan);
      rank.scratch.assign(rank.plan.scratch_bytes, std::byte{0xee});
      rank.state.assign(rank.plan.actions.size(), 0);
    }
  }

  // Does one random possible thing after the other; false: stuck before the end.
  bool run() {
    std::vector<std::pair<int, int>> open;
    for (std::size_t r = 0; r < ranks_.size(); ++r)
      for (std::size_t i = 0; i < ranks_[r].state.size(); ++i) open.emplace_back(r, i);
    while (!open.empty()) {
      std::shuffle(open.begin(), open.end(), random_);
      const auto before = open.size();
      bool moved = false;
      std::erase_if(open, [&](const auto& which) {
        moved |= step(which.first, static_cast<std::size_t>(which.second));
        return ranks_[static_cast<std::size_t>(which.first)].state[static_cast<std::size_t>(which.second)] == 2;
      });
      if (!moved && open.size() == before) return false;
    }
    return messages_.empty();
  }
  std::vector<SimulatedRank>& ranks() { return ranks_; }

 private:
  bool step(int r, std::size_t i) {
    SimulatedRank& rank = ranks_[static_cast<std::size_t>(r)];
    const Action& action = rank.plan.actions[i];
    int& state = rank.state[i];
    const auto is_done = [&](int index) { return rank.state[static_cast<std::size_t>(index)] == 2; };
    if (state == 0) {
      if (action.also_needed >= 0 && !is_done(action.also_needed)) return false;
      for (int needed = action.first_needed; needed < action.end_needed; ++needed)
        if (!is_done(needed)) return false;
      state = 1;
      if (action.kind == ActionKind::send || action.kind == ActionKind::receive) return true;
    }
    EXPECT_LE(action.num_bytes, rank.room(action.at));
    if (action.kind == ActionKind::send) {  // only now are the bytes read
      Bytes& message = messages_[{r, action.peer, action.message}];
      EXPECT_TRUE(message.empty()) << "a name used twice";
      message.assign(rank.at(action.at), rank.at(action.at) + action.num_bytes);
    } else if (action.kind == ActionKind::receive) {
      const auto message = messages_.find({action.peer, r, action.message});
      if (message == messages_.end()) return false;
      EXPECT_EQ(message->second.size(), action.num_bytes);
      std::copy(message->second.begin(), message->second.end(), rank.at(action.at));
      messages_.erase(message);
    } else if (action.kind == ActionKind::add) {
      std::vector<const std::byte*> sources;
      std::size_t other = 0;
      for (int s = 0; s < action.num_sources; ++s)
        sources.push_back(s == action.own_source ? rank.at(action.own)
                                                 : rank.at(action.others) + other++ * action.stride);
      sum_sources(Dtype::f32, sources, rank.at(action.at), action.num_bytes);
    } else if (rank.at(action.at) != rank.at(action.own)) {
      std::memcpy(rank.at(action.at), rank.at(action.own), action.num_bytes);
    }
    state = 2;
    return true;
  }

  std::vector<SimulatedRank> ranks_;
  std::map<std::tuple<int, int, std::uint32_t>, Bytes> messages_;
  std::mt19937 random_;
};

Bytes floats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Bytes bytes(count * 4);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

float float_at(const Bytes& bytes, std::size_t index) {
  float value;
  std::memcpy(&value, bytes.data() + 4 * index, 4);
  return value;
}

struct Case {
  Algorithm algorithm;
  int num_ranks;
  std::size_t count;  // elements of the vector
};

// Ragged parts, some of them empty.
std::vector<std::size_t> ragged(std::size_t count, int num_ranks) {
  std::vector<std::size_t> bytes(static_cast<std::size_t>(num_ranks), 0);
  const std::size_t share = count / static_cast<std::size_t>(num_ranks);
  for (std::size_t r = 0; r + 1 < bytes.size(); ++r) bytes[r] = r % 3 == 1 ? 0 : 4 * share;
  bytes.back() = 4 * count - std::accumulate(bytes.begin(), bytes.end(), std::size_t{0});
  return bytes;
}

std::vector<Bytes> run_reduce(Collective collective, const Case& which, unsigned seed) {
  const std::size_t whole = 4 * which.count;
  const std::vector<std::size_t> bytes =
      collective == Collective::all_reduce ? std::vector{whole} : ragged(which.count, which.num_ranks);
  std::vector<SimulatedRank> ranks;
  for (int r = 0; r < which.num_ranks; ++r) {
    SimulatedRank rank;
    rank.shape = {collective, which.algorithm, r, which.num_ranks, 4, 256, bytes, {}};
    const Bytes vector = floats(which.count, static_cast<unsigned>(r) + 1);
    if (collective == Collective::all_reduce)
      rank.output = vector;
    else
      rank.input = vector, rank.output.resize(bytes[static_cast<std::size_t>(r)]);
    ranks.push_back(std::move(rank));
  }
  Simulation simulation(std::move(ranks), seed);
  EXPECT_TRUE(simulation.run()) << algorithm_name(which.algorithm) << " of " << which.num_ranks << "\n"
                                << to_string(simulation.ranks()[0].plan);
  std::vector<Bytes> results;
  for (auto& rank : simulation.ranks()) results.push_back(rank.output);
  return results;
}

void expect_sums(const Bytes& result, std::size_t first, int num_ranks, std::size_t count) {
  std::vector<Bytes> vectors;
  for (int r = 0; r < num_ranks; ++r) vectors.push_back(floats(count, static_cast<unsigned>(r) + 1));
  for (std::size_t i = 0; i < result.size() / 4; ++i) {
    double sum = 0;
    for (const auto& vector : vectors) sum += double{float_at(vector, first + i)};
    ASSERT_NEAR(float_at(result, i), sum, 1e-5 * num_ranks) << "element " << first + i;
  }
}

TEST(CollectivePlan, N2_sums_are_right_and_have_the_same_bits_whatever_arrives_first) {
  for (const Algorithm algorithm :
       {Algorithm::direct, Algorithm::recursive_doubling, Algorithm::scatter_gather, Algorithm::ring})
    for (const int n : {1, 2, 3, 4, 5, 8}) {
      if (algorithm == Algorithm::recursive_doubling && (n & (n - 1)) != 0) continue;
      for (const std::size_t count : {0, 1, 7, 64, 1000}) {
        const auto first = run_reduce(Collective::all_reduce, {algorithm, n, count}, 1);
        for (const auto& result : first) EXPECT_EQ(result, first[0]) << "ranks differ";
        expect_sums(first[0], 0, n, count);
        for (const unsigned seed : {2u, 3u})
          EXPECT_EQ(run_reduce(Collective::all_reduce, {algorithm, n, count}, seed), first);
      }
    }
}

TEST(CollectivePlan, direct_and_scatter_gather_add_in_the_same_order) {
  for (const int n : {2, 3, 5, 8})
    EXPECT_EQ(run_reduce(Collective::all_reduce, {Algorithm::direct, n, 777}, 1),
              run_reduce(Collective::all_reduce, {Algorithm::scatter_gather, n, 777}, 1));
}

TEST(CollectivePlan, N2_reduce_scatter_gives_each_its_ragged_part) {
  for (const Algorithm algorithm : {Algorithm::direct, Algorithm::ring})
    for (const int n : {2, 3, 4, 7}) {
      const auto results = run_reduce(Collective::reduce_scatter, {algorithm, n, 1000}, 1);
      EXPECT_EQ(run_reduce(Collective::reduce_scatter, {algorithm, n, 1000}, 2), results);
      std::size_t first = 0;
      for (const auto& result : results) {
        expect_sums(result, first, n, 1000);
        first += result.size() / 4;
      }
      EXPECT_EQ(first, 1000u);
    }
}

TEST(CollectivePlan, all_gather_brings_ragged_parts_together) {
  for (const Algorithm algorithm : {Algorithm::direct, Algorithm::ring})
    for (const int n : {1, 2, 3, 6}) {
      const auto bytes = ragged(1000, n);
      const Bytes all = floats(1000, 5);
      std::vector<SimulatedRank> ranks;
      std::size_t offset = 0;
      for (int r = 0; r < n; ++r) {
        SimulatedRank rank;
        rank.shape = {Collective::all_gather, algorithm, r, n, 1, 256, bytes, {}};
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(offset);
        rank.input.assign(begin, begin + static_cast<std::ptrdiff_t>(bytes[static_cast<std::size_t>(r)]));
        offset += rank.input.size();
        rank.output.resize(all.size());
        ranks.push_back(std::move(rank));
      }
      Simulation simulation(std::move(ranks), 4);
      EXPECT_TRUE(simulation.run());
      for (const auto& rank : simulation.ranks()) EXPECT_EQ(rank.output, all);
    }
}

TEST(CollectivePlan, all_to_all_transposes) {
  constexpr int n = 4;
  const auto size = [](int from, int to) { return static_cast<std::size_t>((from * 3 + to * 5) % 7); };
  std::vector<std::vector<std::size_t>> sent(n), received(n);
  std::vector<SimulatedRank> ranks(n);
  for (int r = 0; r < n; ++r) {
    auto& rank = ranks[static_cast<std::size_t>(r)];
    for (int other = 0; other < n; ++other) {
      sent[static_cast<std::size_t>(r)].push_back(size(r, other));
      received[static_cast<std::size_t>(r)].push_back(size(other, r));
      rank.input.insert(rank.input.end(), size(r, other), static_cast<std::byte>(16 * r + other));
      rank.output.resize(rank.output.size() + size(other, r));
    }
    rank.shape = {Collective::all_to_all_v,
                  Algorithm::direct,
                  r,
                  n,
                  1,
                  256,
                  sent[static_cast<std::size_t>(r)],
                  received[static_cast<std::size_t>(r)]};
  }
  Simulation simulation(std::move(ranks), 1);
  EXPECT_TRUE(simulation.run());
  for (int r = 0; r < n; ++r) {
    Bytes right;
    for (int from = 0; from < n; ++from)
      right.insert(right.end(), size(from, r), static_cast<std::byte>(16 * from + r));
    EXPECT_EQ(simulation.ranks()[static_cast<std::size_t>(r)].output, right);
  }
}

// Nobody's last action of the barrier comes before everybody's first.
TEST(CollectivePlan, barrier_waits_for_all) {
  for (const int n : {1, 2, 3, 5, 8})
    for (int absent = 0; absent < n && n > 1; ++absent) {
      std::vector<SimulatedRank> ranks(static_cast<std::size_t>(n));
      for (int r = 0; r < n; ++r)
        ranks[static_cast<std::size_t>(r)].shape = {
            Collective::barrier, Algorithm::dissemination, r, n, 1, 256, {}, {}};
      Simulation simulation(ranks, 1);
      auto& missing = simulation.ranks()[static_cast<std::size_t>(absent)];
      missing.plan.actions.clear();
      missing.state.clear();
      EXPECT_FALSE(simulation.run());
      for (int r = 0; r < n; ++r) {
        const auto& state = simulation.ranks()[static_cast<std::size_t>(r)].state;
        const bool is_through = std::all_of(state.begin(), state.end(), [](int s) { return s == 2; });
        EXPECT_EQ(is_through, r == absent) << r;
      }
      Simulation complete(ranks, 1);
      EXPECT_TRUE(complete.run());
    }
}

TEST(CollectivePlan, algorithm_follows_size_ranks_and_link) {
  const auto chosen = [](Collective collective, std::size_t kib, int n, GroupLink link) {
    return std::string(algorithm_name(choose_algorithm(collective, kib << 10, n, link)));
  };
  constexpr auto here = GroupLink::shared_memory, apart = GroupLink::network;
  EXPECT_EQ(chosen(Collective::barrier, 0, 4, here), "dissemination");
  EXPECT_EQ(chosen(Collective::all_reduce, 1, 2, here), "direct");
  EXPECT_EQ(chosen(Collective::all_reduce, 1, 16, here), "recursive_doubling");
  EXPECT_EQ(chosen(Collective::all_reduce, 1, 12, here), "scatter_gather");
  EXPECT_EQ(chosen(Collective::all_reduce, 1 << 10, 16, here), "scatter_gather");
  EXPECT_EQ(chosen(Collective::all_reduce, 1 << 10, 16, apart), "ring");
  EXPECT_EQ(chosen(Collective::all_gather, 1 << 10, 16, apart), "ring");
  EXPECT_EQ(chosen(Collective::all_gather, 1 << 10, 16, here), "direct");
  EXPECT_EQ(chosen(Collective::reduce_scatter, 1 << 10, 4, apart), "direct");
  EXPECT_EQ(chosen(Collective::all_to_all_v, 1 << 10, 64, apart), "direct");
}

template <class T>
void expect_sum_of_three(Dtype dtype, float tolerance) {
  constexpr std::size_t count = 1500;
  std::vector<T> a(count), b(count), c(count), sum(count);
  for (std::size_t i = 0; i < count; ++i) {
    a[i] = T(0.25f * static_cast<float>(i % 50)), b[i] = T(1.5f), c[i] = T(-static_cast<float>(i % 7));
  }
  const auto bytes = [](std::vector<T>& values) { return reinterpret_cast<std::byte*>(values.data()); };
  const std::array<const std::byte*, 3> sources = {bytes(a), bytes(b), bytes(c)};
  for (const std::size_t num : {1, 2, 3}) {
    sum_sources(dtype, std::span(sources).first(num), bytes(sum), count * sizeof(T));
    for (std::size_t i = 0; i < count; ++i) {
      float right = static_cast<float>(a[i]);
      if (num > 1) right += static_cast<float>(b[i]);
      if (num > 2) right += static_cast<float>(c[i]);
      ASSERT_NEAR(static_cast<float>(sum[i]), right, tolerance * std::abs(right)) << i;
    }
  }
  sum_sources(dtype, sources, bytes(a), count * sizeof(T));  // onto a source
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(static_cast<float>(a[i]), static_cast<float>(sum[i]));
}

TEST(Sums, of_each_type_onto_a_source_or_elsewhere) {
  expect_sum_of_three<float>(Dtype::f32, 0);
  expect_sum_of_three<double>(Dtype::f64, 0);
  expect_sum_of_three<Bf16>(Dtype::bf16, 1.0f / 256);
}

}  // namespace
}  // namespace dsrun::test
