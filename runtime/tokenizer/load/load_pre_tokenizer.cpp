#include <stdexcept>

#include "runtime/schedule/enum_table.hpp"
#include "runtime/tokenizer/load/load.hpp"
#include "runtime/tokenizer/unicode/properties.hpp"

namespace dsrun {
namespace {

// What ByteLevel cuts by where use_regex is set: GPT-2's.
constexpr std::string_view gpt2_words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Pattern read_pattern(const JsonPlace& pattern) {
  pattern.with_keys({"Regex", "String"});
  const auto regex = pattern.find("Regex"), text = pattern.find("String");
  if (regex.has_value() == text.has_value()) pattern.fail("either \"Regex\" or \"String\" belongs here");
  try {
    Pattern read = regex ? read_oniguruma(regex->text()) : pattern_of_text(text->text());
    Regex(read, KindTable({&read}));  // says here what is wrong with it
    return read;
  } catch (const std::invalid_argument& error) {
    pattern.fail(error.what());
  }
}

Pattern digit() { return {{numeric_characters()}, "a digit"}; }

SplitBehavior read_behavior(const JsonPlace& place) {
  constexpr EnumNames<SplitBehavior, 5> names({{SplitBehavior::isolated, "Isolated"},
                                               {SplitBehavior::removed, "Removed"},
                                               {SplitBehavior::contiguous, "Contiguous"},
                                               {SplitBehavior::merged_with_previous, "MergedWithPrevious"},
                                               {SplitBehavior::merged_with_next, "MergedWithNext"}});
  if (const auto behavior = names.find(place.text())) return *behavior;
  place.fail("Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext belongs here");
}

class Loader {
 public:
  void load(const JsonPlace& step, int depth) {
    const std::string& type = step.at("type").text();
    if (spelled_) step.fail("nothing can follow ByteLevel");
    if (type == "Sequence") {
      if (depth == deepest_sequence) step.fail("Sequences are nested too deep");
      step.with_keys({"type", "pretokenizers"});
      for (const JsonPlace& each : step.at("pretokenizers").elements()) load(each, depth + 1);
    } else if (type == "Split") {
      step.with_keys({"type", "pattern", "behavior", "invert"});
      add(step, {read_pattern(step.at("pattern")), read_behavior(step.at("behavior")), step.at("invert").flag()});
    } else if (type == "Digits") {
      const bool each_alone = step.with_keys({"type", "individual_digits"}).flag("individual_digits", false);
      add(step, {digit(), each_alone ? SplitBehavior::isolated : SplitBehavior::contiguous});
    } else if (type == "ByteLevel") {
      load_byte_level(step.with_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
    } else {
      step.fail("only Sequence, Split, Digits and ByteLevel are supported as pre-tokenizers");
    }
  }

  PreTokenizer made(const JsonPlace& all) && {
    if (!spelled_) all.fail("ByteLevel is missing: only byte-level BPE is supported");
    try {
      return PreTokenizer(std::move(steps_), prefix_space_);
    } catch (const std::invalid_argument& error) {
      all.fail(error.what());
    }
  }

 private:
  static constexpr std::size_t most_steps = 64;  // each is a call within the call of the one before

  void add(const JsonPlace& place, SplitStep step) {
    if (steps_.size() == most_steps) place.fail("more steps than are supported");
    steps_.push_back(std::move(step));
  }

  void load_byte_level(const JsonPlace& step) {
    const bool space = step.flag("add_prefix_space", true);
    if (step.flag("use_regex", true)) {
      add(step, {read_oniguruma(gpt2_words), SplitBehavior::isolated, false, space});
    } else if (space) {
      prefix_space_ = true;
    }
    spelled_ = true;
  }

  std::vector<SplitStep> steps_;
  bool prefix_space_ = false;
  bool spelled_ = false;  // bytes stand as characters from here on
};

}  // namespace

void load_pre_tokenizer(const JsonPlace& pre_tokenizer, TokenizerParts& parts) {
  Loader loader;
  loader.load(pre_tokenizer, 0);
  parts.pre_tokenizer = std::move(loader).made(pre_tokenizer);
}

}  // namespace dsrun
