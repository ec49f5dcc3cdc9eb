#include "runtime/memory/arena.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "runtime/memory/mapped_arena.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {
namespace {

TEST(Arena, blocks_do_not_overlap_and_holes_join) {
  Arena arena;
  std::mt19937 random(5);
  struct Block {
    char* data;
    std::size_t size;
    int mark;
  };
  std::vector<Block> live;
  std::size_t live_bytes = 0, most = 0;
  for (int turn = 0; turn < 4000; ++turn) {
    if (live.empty() || random() % 100 < 52) {
      const std::size_t size = 64 * (1 + random() % 50);
      Block block{arena.allocate(size), size, turn % 127};
      std::memset(block.data, block.mark, size);
      live.push_back(block);
      live_bytes += size;
    } else {
      const std::size_t index = random() % live.size();
      const Block block = live[index];
      for (std::size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.data[i], block.mark);
      arena.free(block.data, block.size);
      live_bytes -= block.size;
      live[index] = live.back();
      live.pop_back();
    }
    most = std::max(most, live_bytes);
  }
  EXPECT_LT(static_cast<double>(arena.extent()), 1.3 * static_cast<double>(most));
  for (const Block& block : live) arena.free(block.data, block.size);
  const std::size_t extent = arena.extent();
  arena.allocate(extent);  // all holes are one again
  EXPECT_EQ(arena.extent(), extent);
}

TEST(MemoryPool, counts_by_class_and_keeps_the_peak) {
  const auto pool = MemoryPool::make();
  Buffer a = pool->allocate(100, MemoryClass::saved);  // 128 with alignment
  const auto of = [&](const auto& by_class, MemoryClass memory_class) {
    return by_class[static_cast<std::size_t>(memory_class)];
  };
  EXPECT_EQ(of(pool->use().live, MemoryClass::saved), 128);
  const auto other = MemoryPool::make();
  a.charge(other, MemoryClass::working);
  EXPECT_EQ(of(pool->use().live, MemoryClass::saved), 0);
  EXPECT_EQ(of(pool->use().peak, MemoryClass::saved), 128);
  EXPECT_EQ(of(other->use().live, MemoryClass::working), 128);
  const Buffer part = a.part(10, 20);
  a = {};
  EXPECT_EQ(other->use().live_total, 128);  // a part keeps its whole block
  EXPECT_EQ(part.size(), 20U);
}

TEST(MappedArena, shows_the_same_bytes_and_takes_no_other_for_it) {
  Arena arena(Reach::machine);
  ASSERT_TRUE(arena.source());
  char* const block = arena.allocate(4096);
  std::memset(block, 3, 4096);
  const auto seen = MappedArena::open(*arena.source());
  ASSERT_TRUE(seen);
  char* const there = seen->at(arena.offset(block), 4096);
  ASSERT_NE(there, nullptr);
  EXPECT_NE(there, block);
  EXPECT_EQ(there[4095], 3);
  there[0] = 5;
  EXPECT_EQ(block[0], 5);
  EXPECT_EQ(seen->at(arena.source()->num_bytes - 64, 65), nullptr);
  EXPECT_EQ(seen->at(~std::size_t{0}, 64), nullptr);
  ArenaSource other = *arena.source();
  ++other.nonce;
  EXPECT_FALSE(MappedArena::open(other));
  other = *arena.source();
  other.descriptor = 100'000;
  EXPECT_FALSE(MappedArena::open(other));
}

TEST(MappedArena, outlives_the_arena) {
  auto arena = std::make_unique<Arena>(Reach::machine);
  const ArenaSource source = *arena->source();
  arena->allocate(64)[0] = 9;
  const auto seen = MappedArena::open(source);
  arena.reset();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->at(0, 64)[0], 9);
  EXPECT_FALSE(MappedArena::open(source));
}

TEST(MemoryPool, says_where_others_see_its_buffers) {
  EXPECT_FALSE(MemoryPool::make()->allocate(100, MemoryClass::saved).shared_place());
  const auto pool = MemoryPool::make(Reach::machine);
  for (const MemoryClass memory_class : {MemoryClass::weights, MemoryClass::working}) {
    const Buffer buffer = pool->allocate(1000, memory_class);
    const auto whole = buffer.shared_place(), part = buffer.part(128, 64).shared_place();
    ASSERT_TRUE(whole && part);
    EXPECT_EQ(part->source, whole->source);
    EXPECT_EQ(part->offset, whole->offset + 128);
  }
}

TEST(MemoryPool, counts_what_it_borrows_and_lets_go_with_the_last_share) {
  const auto pool = MemoryPool::make();
  char memory[100];
  auto lender = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = lender;
  Buffer buffer = pool->borrow(memory, sizeof memory, MemoryClass::messages, std::move(lender));
  EXPECT_EQ(buffer.data(), memory);
  EXPECT_EQ(pool->use().live_total, 128);
  EXPECT_FALSE(buffer.shared_place());
  Buffer share = buffer.part(10, 10);
  buffer = {};
  EXPECT_FALSE(watch.expired());
  share = {};
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(pool->use().live_total, 0);
}

}  // namespace
}  // namespace dsrun
