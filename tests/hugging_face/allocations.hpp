// Counts what operator new hands out, so that tests can bound what a parser takes for a hostile file.
#pragma once

#include <cstddef>

namespace dsrun::test {

// The most bytes that were allocated at one time while `action` ran, over those allocated before.
std::size_t start_counting_allocations();
std::size_t most_allocated_since(std::size_t start);

template <class Action>
std::size_t most_allocated(const Action& action) {
  const std::size_t start = start_counting_allocations();
  action();
  return most_allocated_since(start);
}

}  // namespace dsrun::test
