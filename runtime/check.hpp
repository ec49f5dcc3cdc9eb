// require(): an invariant that every build checks, release builds too, because the check costs nothing where it stands.
//
// It is for mistakes of the program. What a user, a peer or a file can get wrong has an error type of its own. Hot
// loops use assert, which release builds leave out.
#pragma once

#include <concepts>
#include <cstddef>
#include <source_location>
#include <stdexcept>

namespace dsrun {

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws InternalError: the invariant, and the place that checks it.
[[noreturn]] void fail_invariant(const char* invariant, const std::source_location& place);

inline void require(bool holds, const char* invariant,
                    const std::source_location& place = std::source_location::current()) {
  if (!holds) [[unlikely]]
    fail_invariant(invariant, place);
}

// container[index] for an index of any integer type. Throws InternalError if the container has no such element.
template <class Container>
constexpr decltype(auto) at(Container& container, std::integral auto index,
                            const std::source_location& place = std::source_location::current()) {
  const auto position = static_cast<std::size_t>(index);  // a negative index becomes too large
  if (position >= container.size()) [[unlikely]]
    fail_invariant("an index is within its container", place);
  return container[position];
}

}  // namespace dsrun
