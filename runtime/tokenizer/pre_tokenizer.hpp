// Cuts a text into the pieces within which BPE merges: a list of steps, each of which cuts the pieces of the one
// before.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/unicode/regex.hpp"

namespace dsrun {

// What becomes of a match of a Split: a piece of its own, nothing, or a part of a neighbour.
enum class SplitBehavior { isolated, removed, contiguous, merged_with_previous, merged_with_next };

struct SplitStep {
  Regex regex;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;        // the rest takes the part of the matches
  bool prefix_space = false;  // first put a space before a piece that has none
};

class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view piece)>;

  void add(SplitStep step) { steps_.push_back(std::move(step)); }
  // At the end of all: a space before each piece that has none.
  void prefix_space() { prefix_last_ = true; }

  // Gives the sink each piece of a well-formed text, in order; none is empty.
  void split(std::string_view text, RegexScratch& scratch, const Sink& sink) const { run(0, text, scratch, sink); }

 private:
  void run(std::size_t step, std::string_view text, RegexScratch& scratch, const Sink& sink) const;
  void cut(std::size_t step, std::string_view text, RegexScratch& scratch, const Sink& sink) const;

  std::vector<SplitStep> steps_;
  bool prefix_last_ = false;
};

}  // namespace dsrun
