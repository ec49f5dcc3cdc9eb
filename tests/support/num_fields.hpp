// num_fields(): how many members an aggregate has, so that a test can say that a table has a row for each.
#pragma once

#include <cstddef>
#include <utility>

namespace dsrun::test {

struct AnyField {
  template <class T>
  operator T() const;
};

template <class T, std::size_t... index>
consteval bool takes(std::index_sequence<index...>) {
  return requires { T{(static_cast<void>(index), AnyField{})...}; };
}

// Of an aggregate without arrays: the most initialisers that it takes.
template <class T, std::size_t count = 1>
consteval std::size_t num_fields() {
  if constexpr (takes<T>(std::make_index_sequence<count>()))
    return num_fields<T, count + 1>();
  else
    return count - 1;
}

}  // namespace dsrun::test
