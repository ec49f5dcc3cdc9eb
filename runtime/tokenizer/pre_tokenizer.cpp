#include "runtime/tokenizer/pre_tokenizer.hpp"

#include <algorithm>

#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

struct Part {
  KindText text;
  bool match;
};

// Calls on_part for every match and every rest between matches. An empty match that touches the match before it does
// not count.
template <class OnPart>
void for_each_part(const Regex& regex, KindText text, RegexScratch& scratch, const OnPart& on_part) {
  const std::string_view kinds = text.kinds;
  std::size_t done = 0, from = 0;
  bool matched = false;
  while (from <= kinds.size()) {
    const std::optional<Span> found = regex.find(kinds, from, scratch);
    if (!found) break;
    if (found->begin == found->end && matched && found->end == done) {
      ++from;
      continue;
    }
    if (done != found->begin) on_part(Part{text.take(found->begin - done), false});
    on_part(Part{text.take(found->end - found->begin), true});
    done = from = found->end;
    matched = true;
  }
  if (!text.text.empty()) on_part(Part{text, false});
}

// A text and the one that follows it.
KindText joined(const KindText& a, const KindText& b) {
  return {{a.text.data(), a.text.size() + b.text.size()}, {a.kinds.data(), a.kinds.size() + b.kinds.size()}};
}

// Unites parts as `behavior` wants them; a match beside a match stays apart, but for contiguous.
std::vector<KindText> unite(const std::vector<Part>& parts, SplitBehavior behavior) {
  std::vector<KindText> pieces;
  bool before = false;
  if (behavior == SplitBehavior::merged_with_next) {
    for (auto part = parts.rbegin(); part != parts.rend(); before = part->match, ++part) {
      if (part->match && !before && !pieces.empty()) {
        pieces.back() = joined(part->text, pieces.back());
      } else {
        pieces.push_back(part->text);
      }
    }
    std::reverse(pieces.begin(), pieces.end());
    return pieces;
  }
  for (const Part& part : parts) {
    const bool joins = behavior == SplitBehavior::contiguous ? part.match == before : part.match && !before;
    if (joins && !pieces.empty()) {
      pieces.back() = joined(pieces.back(), part.text);
    } else {
      pieces.push_back(part.text);
    }
    before = part.match;
  }
  return pieces;
}

}  // namespace

PreTokenizer::PreTokenizer(std::vector<SplitStep> steps, bool prefix_space)
    : steps_(std::move(steps)), prefix_last_(prefix_space) {
  std::vector<const Pattern*> patterns;
  for (const SplitStep& step : steps_) patterns.push_back(&step.pattern);
  kinds_ = KindTable(patterns);
  for (const Pattern* pattern : patterns) regexes_.emplace_back(*pattern, kinds_);
}

void PreTokenizer::split(std::string_view text, SplitScratch& scratch, const Sink& sink) const {
  if (is_ascii(text)) return run(0, {text, text}, scratch.regex, sink);
  scratch.kinds.clear();
  kinds_.append(text, scratch.kinds);
  run(0, {text, scratch.kinds}, scratch.regex, sink);
}

void PreTokenizer::cut(std::size_t step, const KindText& text, RegexScratch& scratch, const Sink& sink) const {
  const SplitStep& how = steps_[step];
  const Regex& regex = regexes_[step];
  if (how.behavior == SplitBehavior::isolated) {
    for_each_part(regex, text, scratch, [&](const Part& part) { run(step + 1, part.text, scratch, sink); });
  } else if (how.behavior == SplitBehavior::removed) {
    for_each_part(regex, text, scratch, [&](const Part& part) {
      if (part.match == how.invert) run(step + 1, part.text, scratch, sink);
    });
  } else {
    std::vector<Part> parts;
    for_each_part(regex, text, scratch, [&](const Part& part) {
      parts.push_back({part.text, part.match != how.invert});
    });
    for (const KindText& piece : unite(parts, how.behavior)) run(step + 1, piece, scratch, sink);
  }
}

void PreTokenizer::run(std::size_t step, const KindText& text, RegexScratch& scratch, const Sink& sink) const {
  if (text.text.empty()) return;
  const bool last = step == steps_.size();
  if ((last ? prefix_last_ : steps_[step].prefix_space) && text.text[0] != ' ') {
    const std::string spaced = " " + std::string(text.text), kinds = " " + std::string(text.kinds);
    return last ? sink(spaced) : cut(step, {spaced, kinds}, scratch, sink);
  }
  return last ? sink(text.text) : cut(step, text, scratch, sink);
}

}  // namespace dsrun
