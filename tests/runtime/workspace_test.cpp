#include "runtime/memory/workspace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace dsrun {
namespace {

TEST(Workspace, gives_aligned_memory_that_does_not_overlap) {
  Workspace workspace;
  const Workspace::Scope scope(workspace);
  std::vector<std::pair<char*, std::size_t>> parts;
  for (const std::size_t num_bytes : {1u, 100u, 64u, 100000u, 3u}) {
    parts.emplace_back(static_cast<char*>(workspace.take(num_bytes)), num_bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(parts.back().first) % 64, 0u);
    std::memset(parts.back().first, static_cast<int>(parts.size()), num_bytes);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].first[0], static_cast<char>(i + 1));
    EXPECT_EQ(parts[i].first[parts[i].second - 1], static_cast<char>(i + 1));
  }
}

TEST(Workspace, keeps_what_was_taken_while_it_grows) {
  Workspace workspace;
  const Workspace::Scope scope(workspace);
  int* first = workspace.take_array<int>(4);
  first[3] = 42;
  for (std::size_t size = 1; size < 1u << 20; size *= 2) std::memset(workspace.take(size), 0, size);
  EXPECT_EQ(first[3], 42);
}

TEST(Workspace, gives_the_same_memory_again_after_a_scope) {
  Workspace workspace;
  const Workspace::Scope outer(workspace);
  workspace.take(1000);
  void* inner_start = nullptr;
  {
    const Workspace::Scope inner(workspace);
    inner_start = workspace.take(500);
    workspace.take(100);
  }
  EXPECT_EQ(workspace.take(10), inner_start);
}

TEST(Workspace, grows_to_the_largest_need_and_stays) {
  Workspace workspace;
  const auto use = [&](std::size_t first, std::size_t second) {
    const Workspace::Scope scope(workspace);
    workspace.take(first);
    workspace.take(second);
  };
  use(640, 6400);
  use(640, 64000);
  use(64000, 640);
  EXPECT_EQ(workspace.bytes_held(), 64640u);
  use(64, 64);
  EXPECT_EQ(workspace.bytes_held(), 64640u);
}

TEST(Workspace, what_is_reserved_is_held_and_enough) {
  std::ptrdiff_t held = 0;
  Workspace workspace([&](std::ptrdiff_t change) { held += change; });
  workspace.reserve(Workspace::rounded(100) + Workspace::rounded(1000));
  {
    const Workspace::Scope scope(workspace);
    workspace.take(100);
    workspace.take(1000);
  }
  EXPECT_EQ(held, 128 + 1024);
  EXPECT_EQ(workspace.peak_bytes(), 128u + 1024u);
  workspace.count_elsewhere(10);
  EXPECT_EQ(held, 128 + 1024 + 10);
}

TEST(Workspace, tells_each_change_of_the_bytes_it_holds) {
  std::ptrdiff_t held = 0, most = 0;
  {
    Workspace workspace([&](std::ptrdiff_t change) { most = std::max(most, held += change); });
    {
      const Workspace::Scope scope(workspace);
      workspace.take(128);
      workspace.take(6400);
      EXPECT_EQ(held, static_cast<std::ptrdiff_t>(workspace.bytes_held()));
    }
    const Workspace::Scope scope(workspace);
    workspace.take(1);
    EXPECT_EQ(held, static_cast<std::ptrdiff_t>(workspace.bytes_held()));
  }
  EXPECT_EQ(held, 0);
  EXPECT_EQ(most, 128 + 6400);
}

}  // namespace
}  // namespace dsrun
