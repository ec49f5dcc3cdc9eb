// Messages of exchange_counts: what is written is read, and nothing else is.
#include "runtime/device/exchange/routing_blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Words = std::vector<std::int32_t>;

constexpr RoutingLimits limits = {.rows = 4, .pairs_per_row = 2, .experts = 3};

// Three rows with one, two and one expert; then two rows with one each.
const Words two_blocks = {3, 4, 0, 1, 1, 2, 2, 0, 2, 1, 2, 2, 0, 1, 0, 0};

std::string fault_of(const Words& words, std::size_t num_blocks = 2) {
  std::string fault;
  read_blocks(words, num_blocks, limits, fault);
  return fault;
}

TEST(RoutingBlocks, are_read_as_they_were_written) {
  const std::vector<int> first_expert = {0, 3, 6};
  const Words indices = {2, 5, 0, 1, 3, 4};  // three tokens, two experts each
  Words words(static_cast<std::size_t>(routing_bytes(2, 6)) / sizeof(std::int32_t));
  std::int32_t* out = words.data();
  const std::vector<SendPlan> sends = plan_sends(first_expert, indices.data(), 3, 2);
  for (const SendPlan& plan : sends) out = write_block(out, plan);
  ASSERT_EQ(out, words.data() + words.size());
  std::string fault;
  const std::vector<RoutingBlock> blocks = read_blocks(words, 2, limits, fault);
  EXPECT_EQ(fault, "");
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].num_rows, 2);
  EXPECT_THAT(blocks[0].pair_row, ElementsAre(0, 1, 1));
  EXPECT_THAT(blocks[0].pair_expert, ElementsAre(2, 0, 1));
  EXPECT_THAT(blocks[1].pair_expert, ElementsAre(2, 0, 1));
}

struct Corruption {
  const char* name;
  std::size_t word;
  std::int32_t value;
  const char* fault;
};

class CorruptRouting : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptRouting, is_refused) {
  ASSERT_EQ(fault_of(two_blocks), "");
  Words words = two_blocks;
  words[GetParam().word] = GetParam().value;
  EXPECT_THAT(fault_of(words), HasSubstr(GetParam().fault));
}

INSTANTIATE_TEST_SUITE_P(
    , CorruptRouting,
    testing::Values(Corruption{"negative_rows", 0, -1, "-1 rows are announced, of at most 4"},
                    Corruption{"more_rows_than_tokens", 0, 5, "5 rows are announced, of at most 4"},
                    Corruption{"fewer_rows_than_pairs_name", 0, 2, "2 rows are announced, and pairs name 3"},
                    Corruption{"more_rows_than_pairs", 10, 4, "4 rows are announced with 2 pairs"},
                    Corruption{"negative_pairs", 1, -4, "3 rows are announced with -4 pairs"},
                    Corruption{"more_pairs_than_rows_can_have", 1, 7, "3 rows are announced with 7 pairs"},
                    Corruption{"pairs_beyond_the_end", 11, 3, "64 bytes came, and its counts say 72 or more"},
                    Corruption{"a_negative_row", 2, -1, "pair 0 is of row -1"},
                    Corruption{"a_row_left_out", 3, 2, "pair 1 is of row 2, after one of row 0"},
                    Corruption{"a_row_that_comes_back", 5, 0, "pair 3 is of row 0, after one of row 1"},
                    Corruption{"a_negative_expert", 6, -1, "pair 0 names expert -1 of 3"},
                    Corruption{"an_expert_of_others", 6, 3, "pair 0 names expert 3 of 3"},
                    Corruption{"an_expert_twice", 8, 0, "pair 2 names expert 0 after expert 0"}),
    [](const auto& of) { return of.param.name; });

TEST(RoutingBlocks, of_another_length_are_refused) {
  for (std::size_t size = 0; size < two_blocks.size(); ++size) {
    const Words part(two_blocks.begin(), two_blocks.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(fault_of(part), "") << size;
  }
  Words longer = two_blocks;
  longer.push_back(0);
  EXPECT_EQ(fault_of(longer), "68 bytes came, and its counts say 64");
}

// Whatever words come, what is accepted can be relayed and expanded within its bounds.
TEST(RoutingBlocks, of_random_words_are_refused_or_sound) {
  std::mt19937 random(1);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution<>(least, most)(random); };
  int num_sound = 0;
  for (int i = 0; i < 20000; ++i) {
    Words words = two_blocks;
    for (int change = any(0, 3); change > 0; --change)
      words[static_cast<std::size_t>(any(0, static_cast<int>(words.size()) - 1))] = any(-1, 5);
    std::string fault;
    for (const RoutingBlock& block : read_blocks(words, 2, limits, fault)) {
      if (!fault.empty()) continue;
      ++num_sound;
      const RelayPlan relay = plan_relay(block.num_rows, block.pair_row, block.pair_expert, 3, 1);
      for (const SendPlan& plan : relay.sends)
        for (const std::int32_t row : plan.tokens) EXPECT_TRUE(row >= 0 && row < block.num_rows);
    }
  }
  EXPECT_GT(num_sound, 1000);
}

}  // namespace
}  // namespace dsrun
