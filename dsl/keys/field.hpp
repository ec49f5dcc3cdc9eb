// Field: how a key reaches its member of a Job (or of a NodeSpec), and which values the member takes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dsl/job.hpp"

namespace dsrun {

// A closed set of names, stored as the name.
template <class Owner>
struct Word {
  std::string& (*field)(Owner&);
  std::vector<std::string> names;
};

// A closed set of names, stored as an enumerator; names[i] is that of enumerator i.
template <class Owner>
struct Choice {
  int (*get)(const Owner&);
  void (*set)(Owner&, int);
  std::vector<std::string> names;
};

// "byte" (size 0 here) or a number of tokens.
template <class Owner>
struct Vocabulary {
  int (*get)(const Owner&);
  void (*set)(Owner&, int);
};

// One word for everything, or an array of names: a flag each.
template <class Owner>
struct Selection {
  struct Item {
    std::string name;
    bool& (*flag)(Owner&);
  };
  Item everything;
  std::vector<Item> items;
  std::vector<std::string> names() const;  // of the items
};

template <class Owner>
using Field = std::variant<int& (*)(Owner&), std::int64_t& (*)(Owner&), std::uint64_t& (*)(Owner&), double& (*)(Owner&),
                           bool& (*)(Owner&), std::string& (*)(Owner&), std::vector<int>& (*)(Owner&),
                           std::vector<std::string>& (*)(Owner&), Word<Owner>, Choice<Owner>, Vocabulary<Owner>,
                           Selection<Owner>>;

// The field's type for people: "integer", "array of strings", "\"fp32\" or \"bf16\"".
template <class Owner>
std::string type_name(const Field<Owner>& field);

// Whether a range would bound numbers: the value itself, or the entries of an array.
template <class Owner>
bool takes_numbers(const Field<Owner>& field);

}  // namespace dsrun
