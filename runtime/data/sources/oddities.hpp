// Oddities: what real corpora hold that is not as it should be. It is skipped or repaired, counted by kind, and the
// first places of each kind are named; with `strict` the first one is an error instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

class Oddities {
 public:
  explicit Oddities(bool strict = false) : strict_(strict) {}

  // `what` is a kind, such as "the field \"text\" is null"; `place` a file or a line of one. Both throw DataError if
  // strict.
  void skipped(std::string_view what, std::string_view place) { add(true, what, place); }
  void repaired(std::string_view what, std::string_view place) { add(false, what, place); }

  std::int64_t num_skipped() const { return count(true); }
  std::int64_t num_repaired() const { return count(false); }
  // For a person, a line each kind: "skipped 3 times: malformed JSON (a.jsonl: line 3, …)".
  std::vector<std::string> lines() const;

 private:
  struct Kind {
    bool skipped;
    std::string what;
    std::int64_t count = 0;
    std::vector<std::string> places{};  // the first ones
  };
  void add(bool skipped, std::string_view what, std::string_view place);
  std::int64_t count(bool skipped) const;

  bool strict_;
  std::vector<Kind> kinds_;  // as they came
};

}  // namespace dsrun
