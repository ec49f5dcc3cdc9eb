// Macros by which the rows of this folder name the members that they fill.
#pragma once

#include "dsl/keys/choices.hpp"
#include "dsl/keys/field.hpp"

namespace dsrun {

// The member's type decides which values the key takes.
#define FIELD(member) \
  [](Job & job) -> auto& { return job.member; }

// For a member that is an enum; `names` is its table in choices.hpp.
#define CHOICE(member, names)                                                                               \
  Choice<Job> {                                                                                             \
    [](const Job& job) { return static_cast<int>(job.member); },                                            \
        [](Job& job, int value) { job.member = static_cast<decltype(job.member)>(value); }, words_of(names) \
  }

template <class Enum, std::size_t size>
std::vector<std::string> words_of(const EnumNames<Enum, size>& names) {
  std::vector<std::string> words;
  for (const auto& row : names.rows()) words.emplace_back(row.value);
  return words;
}

inline constexpr double most_of_a_step = 1 << 30;  // sequences, microbatches

}  // namespace dsrun
