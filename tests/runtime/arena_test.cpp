#include "runtime/arena.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "runtime/memory.hpp"

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

}  // namespace
}  // namespace dsrun
