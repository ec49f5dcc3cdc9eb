// Cuts a text into the pieces within which BPE merges: a list of steps, each of which cuts the pieces of the one
// before.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/regex/regex.hpp"

namespace dsrun {

// What becomes of a match of a Split: a piece of its own, nothing, or a part of a neighbour.
enum class SplitBehavior { isolated, removed, contiguous, merged_with_previous, merged_with_next };

struct SplitStep {
  Pattern pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;        // the rest takes the part of the matches
  bool prefix_space = false;  // first put a space before a piece that has none
};

// What splitting writes to. One a thread.
struct SplitScratch {
  RegexScratch regex;
  std::string kinds;
};

class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view piece)>;

  PreTokenizer() = default;
  // `prefix_space`: at the end of all, a space before each piece that has none. Throws std::invalid_argument as Regex
  // and KindTable do.
  PreTokenizer(std::vector<SplitStep> steps, bool prefix_space);

  // Gives the sink each piece of a well-formed text, in order; none is empty.
  void split(std::string_view text, SplitScratch& scratch, const Sink& sink) const;

 private:
  void run(std::size_t step, const KindText& text, RegexScratch& scratch, const Sink& sink) const;
  void cut(std::size_t step, const KindText& text, RegexScratch& scratch, const Sink& sink) const;

  std::vector<SplitStep> steps_;
  KindTable kinds_;
  std::vector<Regex> regexes_;  // by step
  bool prefix_last_ = false;
};

}  // namespace dsrun
