// Rows and gates on their way to experts and back, over a whole group in one thread, against plain loops over
// (token, expert) that know no plans.
#include "runtime/backend/cpu/functions.hpp"
#include "tests/kernels/products_support.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace dsrun::test {
namespace {

constexpr int ranks = 3, local = 4, top = 3;
constexpr std::int64_t tokens = 17, dim = 37;

// Rank 1's expert 2 gets nothing; rank 0's expert 0 gets a row of every token.
std::vector<std::int32_t> choices(int rank) {
  std::mt19937 engine(static_cast<unsigned>(rank) + 1);
  std::vector<std::int32_t> made;
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::vector<std::int32_t> experts;
    for (std::int32_t e = 1; e < ranks * local; ++e)
      if (e != local + 2) experts.push_back(e);
    std::shuffle(experts.begin(), experts.end(), engine);
    experts.resize(top - 1);
    experts.insert(experts.begin() + t % top, 0);
    made.insert(made.end(), experts.begin(), experts.end());
  }
  return made;
}

// Every rank's plans, exchanged as the wire would.
struct Group {
  std::array<std::vector<std::int32_t>, ranks> chosen;
  std::array<Routing, ranks> routings;

  Group() {
    for (int r = 0; r < ranks; ++r) {
      chosen[static_cast<std::size_t>(r)] = choices(r);
      Routing& routing = at(r);
      routing.local_experts = local;
      std::vector<int> first_expert;
      for (int m = 0; m <= ranks; ++m) first_expert.push_back(m * local);
      routing.sends = plan_sends(first_expert, chosen[static_cast<std::size_t>(r)].data(), tokens, top);
      routing.receives.resize(ranks);
    }
    for (int from = 0; from < ranks; ++from)
      for (int to = 0; to < ranks; ++to) {
        const SendPlan& sent = send(from, to);
        at(to).receives[static_cast<std::size_t>(from)] = {
            static_cast<std::int32_t>(sent.tokens.size()), sent.pair_row, sent.pair_expert, {}};
      }
    for (Routing& routing : routings) plan_receives(routing);
  }
  Routing& at(int rank) { return routings[static_cast<std::size_t>(rank)]; }
  SendPlan& send(int from, int to) { return at(from).sends[static_cast<std::size_t>(to)]; }
  ReceivePlan& receive(int to, int from) { return at(to).receives[static_cast<std::size_t>(from)]; }
  std::int32_t choice(int rank, std::int64_t token, int slot) const {
    return chosen[static_cast<std::size_t>(rank)][static_cast<std::size_t>(token * top + slot)];
  }
  // Rows of a rank as (source, token, slot), by expert, source, token: the promised order.
  std::vector<std::array<std::int64_t, 3>> rows_of(int rank) const {
    std::vector<std::array<std::int64_t, 3>> rows;
    for (int e = rank * local; e < (rank + 1) * local; ++e)
      for (int from = 0; from < ranks; ++from)
        for (std::int64_t t = 0; t < tokens; ++t)
          for (int k = 0; k < top; ++k)
            if (choice(from, t, k) == e) rows.push_back({from, t, k});
    return rows;
  }
};

TEST(Routing, sends_each_token_once_to_a_member_and_orders_rows_by_expert) {
  Group group;
  std::size_t all = 0;
  for (int r = 0; r < ranks; ++r) {
    const Routing& routing = group.at(r);
    EXPECT_EQ(routing.num_rows(), static_cast<std::int64_t>(group.rows_of(r).size()));
    all += group.rows_of(r).size();
    for (const SendPlan& plan : routing.sends) {
      EXPECT_TRUE(std::is_sorted(plan.tokens.begin(), plan.tokens.end()));
      EXPECT_EQ(std::adjacent_find(plan.tokens.begin(), plan.tokens.end()), plan.tokens.end());
      for (std::size_t j = 1; j < plan.pair_row.size(); ++j)
        EXPECT_LT(std::pair(plan.pair_row[j - 1], plan.pair_expert[j - 1]),
                  std::pair(plan.pair_row[j], plan.pair_expert[j]));
    }
  }
  EXPECT_EQ(all, static_cast<std::size_t>(ranks * tokens * top));
  EXPECT_EQ(group.at(1).offsets[3] - group.at(1).offsets[2], 0) << "an expert without rows";
  EXPECT_EQ(group.at(0).offsets[1], ranks * tokens) << "an expert with all tokens";
}

// Two hops: what a rank sends to a node of two, its relay sends on as the rank would have itself.
TEST(Routing, a_relay_sends_on_what_its_node_would_have_been_sent) {
  const std::vector<std::int32_t> chosen = choices(1);
  const SendPlan node = plan_sends({0, 2 * local, ranks * local}, chosen.data(), tokens, top)[0];
  const RelayPlan relay =
      plan_relay(static_cast<std::int32_t>(node.tokens.size()), node.pair_row, node.pair_expert, 2, local);
  EXPECT_EQ(relay.num_rows, static_cast<std::int32_t>(node.tokens.size()));
  EXPECT_EQ(relay.num_pairs, static_cast<std::int32_t>(node.pair_row.size()));
  const std::vector<SendPlan> direct = plan_sends({0, local, 2 * local, ranks * local}, chosen.data(), tokens, top);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_EQ(relay.sends[m].pair_row, direct[m].pair_row);
    EXPECT_EQ(relay.sends[m].pair_expert, direct[m].pair_expert);
    ASSERT_EQ(relay.sends[m].tokens.size(), direct[m].tokens.size());
    for (std::size_t i = 0; i < direct[m].tokens.size(); ++i)
      EXPECT_EQ(node.tokens[static_cast<std::size_t>(relay.sends[m].tokens[i])], direct[m].tokens[i]);
    for (std::size_t j = 0; j < direct[m].pair_slot.size(); ++j)
      EXPECT_EQ(node.pair_slot[static_cast<std::size_t>(relay.sends[m].pair_slot[j])], direct[m].pair_slot[j]);
  }
}

TEST(Routing, plans_nothing_for_no_tokens) {
  Routing routing;
  routing.local_experts = 2;
  EXPECT_TRUE(plan_sends({0, 2}, nullptr, 0, 2)[0].tokens.empty());
  routing.receives.resize(1);
  plan_receives(routing);
  EXPECT_EQ(routing.num_rows(), 0);
  EXPECT_EQ(routing.offsets, (std::vector<std::int64_t>{0, 0, 0}));
}

class Movement : public ProductTest {
 protected:
  // Every rank's message to `to`, packed from xs.
  Stored pack(Group& group, Stored& x, int from, int to) const {
    Stored message(Matrix(static_cast<std::int64_t>(group.send(from, to).tokens.size()), dim), dtype(), 2);
    pack_rows(x.view(), group.send(from, to), message.view());
    return message;
  }
};
DSRUN_PRODUCT_TESTS(Movement);

TEST_P(Movement, rows_arrive_at_their_experts) {
  Group group;
  std::vector<Stored> xs;
  for (unsigned r = 0; r < ranks; ++r) xs.emplace_back(random_matrix(tokens, dim, r + 1), dtype(), 3);
  for (int to = 0; to < ranks; ++to) {
    Stored rows(Matrix(group.at(to).num_rows(), dim), dtype(), 1);
    for (int from = 0; from < ranks; ++from) {
      Stored message = pack(group, xs[static_cast<std::size_t>(from)], from, to);
      expand_rows(message.view(), group.receive(to, from), rows.view());
    }
    const auto expected = group.rows_of(to);
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (std::int64_t d = 0; d < dim; ++d)
        ASSERT_EQ(rows.matrix().at(static_cast<std::int64_t>(i), d),
                  xs[static_cast<std::size_t>(expected[i][0])].matrix().at(expected[i][1], d));
    EXPECT_TRUE(rows.gaps_untouched());
  }
}

TEST_P(Movement, tokens_get_the_sum_of_their_rows_and_the_addend) {
  Group group;
  std::vector<Stored> rows;
  for (int r = 0; r < ranks; ++r)
    rows.emplace_back(random_matrix(group.at(r).num_rows(), dim, static_cast<unsigned>(r) + 7), dtype(), 2);
  std::array<Matrix, ranks> expected;
  expected.fill(Matrix(tokens, dim));
  for (int r = 0; r < ranks; ++r) {
    const Matrix from = rows[static_cast<std::size_t>(r)].matrix();
    const auto places = group.rows_of(r);
    for (std::size_t i = 0; i < places.size(); ++i)
      for (std::int64_t d = 0; d < dim; ++d)
        expected[static_cast<std::size_t>(places[i][0])].at(places[i][1], d) +=
            from.at(static_cast<std::int64_t>(i), d);
  }
  for (int to = 0; to < ranks; ++to) {
    std::vector<Stored> messages;
    for (int from = 0; from < ranks; ++from) {
      messages.emplace_back(Matrix(group.receive(from, to).num_rows, dim), dtype(), 1);
      reduce_rows(rows[static_cast<std::size_t>(from)].view(), group.receive(from, to), messages.back().view());
    }
    std::vector<TensorView> views;
    for (Stored& message : messages) views.push_back(message.view());
    Stored z(random_matrix(tokens, dim, 31), dtype(), 4);
    const Matrix before = z.matrix();
    sum_messages(views, group.at(to).sends, z.view(), {});
    EXPECT_LT(relative_error(z.matrix(), expected[static_cast<std::size_t>(to)]), tolerance(dtype()));
    EXPECT_TRUE(z.gaps_untouched());

    Stored in_place(before, dtype(), 4);
    sum_messages(views, group.at(to).sends, in_place.view(), in_place.view());
    EXPECT_LT(relative_error(in_place.matrix(), plus(before, expected[static_cast<std::size_t>(to)])),
              tolerance(dtype()));
  }
}

TEST_P(Movement, tokens_without_rows_become_zero) {
  Routing routing;
  routing.sends.resize(1);
  routing.sends[0].tokens = {1};
  Stored message(random_matrix(1, dim, 1), dtype()), z(random_matrix(3, dim, 2), dtype());
  const std::vector<TensorView> views = {message.view()};
  sum_messages(views, routing.sends, z.view(), {});
  Matrix expected(3, dim);
  for (std::int64_t d = 0; d < dim; ++d) expected.at(1, d) = message.matrix().at(0, d);
  EXPECT_EQ(relative_error(z.matrix(), expected), 0);
}

TEST_P(Movement, more_rows_than_a_block_are_summed) {
  constexpr std::int64_t wide_dim = 1200, members = 6;
  Routing routing;
  routing.sends.resize(members);
  std::vector<Stored> messages;
  std::vector<TensorView> views;
  Matrix expected(2, wide_dim);
  for (unsigned m = 0; m < members; ++m) {
    routing.sends[m].tokens = {0, 1};
    messages.emplace_back(random_matrix(2, wide_dim, m + 1), dtype());
    expected = plus(expected, messages.back().matrix());
  }
  for (Stored& message : messages) views.push_back(message.view());
  Stored z(Matrix(2, wide_dim), dtype());
  sum_messages(views, routing.sends, z.view(), {});
  EXPECT_LT(relative_error(z.matrix(), expected), tolerance(dtype()));
}

TEST_P(Movement, gates_travel_with_their_rows_and_their_gradients_return) {
  Group group;
  const Dtype gate_type = wide(dtype());
  for (int to = 0; to < ranks; ++to) {
    Stored row_gates(Matrix(group.at(to).num_rows(), 1), gate_type);
    std::vector<Stored> gates, returned;
    for (int from = 0; from < ranks; ++from) {
      gates.emplace_back(random_matrix(tokens, top, static_cast<unsigned>(from) + 3), gate_type, 1);
      returned.emplace_back(Matrix(tokens, top), gate_type, 2);
      const ReceivePlan& plan = group.receive(to, from);
      Stored pairs(Matrix(1, static_cast<std::int64_t>(plan.pair_row.size())), gate_type);
      pack_gates(gates.back().view(), group.send(from, to), pairs.view());
      expand_gates(pairs.view(), plan, row_gates.view());
    }
    const auto expected = group.rows_of(to);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(row_gates.matrix().at(static_cast<std::int64_t>(i), 0),
                gates[static_cast<std::size_t>(expected[i][0])].matrix().at(expected[i][1], expected[i][2]));
    for (int from = 0; from < ranks; ++from) {
      const ReceivePlan& plan = group.receive(to, from);
      Stored pairs(Matrix(1, static_cast<std::int64_t>(plan.pair_row.size())), gate_type);
      collect_gates(row_gates.view(), plan, pairs.view());
      scatter_gates(pairs.view(), group.send(from, to), returned[static_cast<std::size_t>(from)].view());
    }
    for (int from = 0; from < ranks; ++from)
      for (std::int64_t t = 0; t < tokens; ++t)
        for (int k = 0; k < top; ++k) {
          const bool here = group.choice(from, t, k) / local == to;
          ASSERT_EQ(returned[static_cast<std::size_t>(from)].matrix().at(t, k),
                    here ? gates[static_cast<std::size_t>(from)].matrix().at(t, k) : 0);
        }
  }
}

}  // namespace
}  // namespace dsrun::test
