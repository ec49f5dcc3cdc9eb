// EnumTable: a name, or another value, for each enumerator of an enum, in a table that is checked when it is compiled.
//
// Each row states its enumerator. A table does not compile if a row is out of the enum's order or is missing, or if the
// enum has gained an enumerator. The enum has a fixed underlying type and counts from 0 without gaps. It stands in
// runtime/schedule because this folder alone may be included from everywhere.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace dsrun {

// Whether the enum declares an enumerator of this value: g++ and clang print one that is not declared as a cast.
template <auto value>
consteval bool is_enumerator() {
  return std::string_view(__PRETTY_FUNCTION__).find("= (") == std::string_view::npos;
}

template <class Enum, std::size_t from = 0>
consteval std::size_t num_enumerators() {
  if constexpr (is_enumerator<static_cast<Enum>(from)>())
    return num_enumerators<Enum, from + 1>();
  else
    return from;
}

// Whether `rows` has one row for each enumerator, in order; `key` is the column that states it. For tables of more than
// two columns: static_assert(has_row_for_each_enumerator(rows, &Row::key), "a table needs a row for …").
template <class Row, class Enum, std::size_t size>
consteval bool has_row_for_each_enumerator(const std::array<Row, size>& rows, Enum Row::*key) {
  for (std::size_t i = 0; i < size; ++i)
    if (rows[i].*key != static_cast<Enum>(i)) return false;
  return !is_enumerator<static_cast<Enum>(size)>();
}

template <class Enum, class Value, std::size_t size>
class EnumTable {
 public:
  struct Row {
    Enum key;
    Value value;
  };

  consteval explicit EnumTable(const Row (&rows)[size]) : rows_(std::to_array(rows)) {
    if (!has_row_for_each_enumerator(rows_, &Row::key)) throw "a table needs a row for each enumerator, in their order";
  }

  // Precondition: `key` is a declared enumerator.
  constexpr const Value& operator[](Enum key) const { return rows_[static_cast<std::size_t>(key)].value; }

  constexpr std::optional<Enum> find(const Value& value) const {
    for (const Row& row : rows_)
      if (row.value == value) return row.key;
    return std::nullopt;
  }

  constexpr const std::array<Row, size>& rows() const { return rows_; }

 private:
  std::array<Row, size> rows_;
};

template <class Enum, std::size_t size>
using EnumNames = EnumTable<Enum, std::string_view, size>;

}  // namespace dsrun
