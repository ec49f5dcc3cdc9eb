#include "runtime/tokenizer/pre_tokenizer.hpp"

#include <algorithm>
#include <string>

#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

struct Part {
  Span span;
  bool match;
};

// Calls on_part for every match and every rest between matches. An empty match that touches the match before it does
// not count.
template <class OnPart>
void for_each_part(const Regex& regex, std::string_view text, RegexScratch& scratch, const OnPart& on_part) {
  std::size_t done = 0, from = 0;
  bool matched = false;
  while (from <= text.size()) {
    const std::optional<Span> found = regex.find(text, from, scratch);
    if (!found) break;
    if (found->begin == found->end && matched && found->end == done) {
      from += from < text.size() ? std::max<std::size_t>(1, character_length(text, from)) : 1;
      continue;
    }
    if (done != found->begin) on_part(Part{{done, found->begin}, false});
    on_part(Part{*found, true});
    done = from = found->end;
    matched = true;
  }
  if (done != text.size()) on_part(Part{{done, text.size()}, false});
}

// Unites parts as `behavior` wants them; a match beside a match stays apart, but for contiguous.
std::vector<Span> unite(const std::vector<Part>& parts, SplitBehavior behavior) {
  std::vector<Span> spans;
  const auto unite_one = [&](const Part& part, bool joins) {
    if (joins && !spans.empty()) {
      spans.back() = {std::min(spans.back().begin, part.span.begin), std::max(spans.back().end, part.span.end)};
    } else {
      spans.push_back(part.span);
    }
  };
  bool before = false;
  if (behavior == SplitBehavior::merged_with_next) {
    for (auto part = parts.rbegin(); part != parts.rend(); before = part->match, ++part)
      unite_one(*part, part->match && !before);
    std::reverse(spans.begin(), spans.end());
    return spans;
  }
  for (const Part& part : parts) {
    unite_one(part, behavior == SplitBehavior::contiguous ? part.match == before : part.match && !before);
    before = part.match;
  }
  return spans;
}

}  // namespace

void PreTokenizer::cut(std::size_t step, std::string_view text, RegexScratch& scratch, const Sink& sink) const {
  const SplitStep& how = steps_[step];
  const auto hand_on = [&](Span span) {
    if (span.begin != span.end) run(step + 1, text.substr(span.begin, span.end - span.begin), scratch, sink);
  };
  if (how.behavior == SplitBehavior::isolated) {
    for_each_part(how.regex, text, scratch, [&](const Part& part) { hand_on(part.span); });
  } else if (how.behavior == SplitBehavior::removed) {
    for_each_part(how.regex, text, scratch, [&](const Part& part) {
      if (part.match == how.invert) hand_on(part.span);
    });
  } else {
    std::vector<Part> parts;
    for_each_part(how.regex, text, scratch, [&](const Part& part) {
      parts.push_back({part.span, part.match != how.invert});
    });
    for (const Span span : unite(parts, how.behavior)) hand_on(span);
  }
}

void PreTokenizer::run(std::size_t step, std::string_view text, RegexScratch& scratch, const Sink& sink) const {
  if (text.empty()) return;
  const bool last = step == steps_.size();
  if ((last ? prefix_last_ : steps_[step].prefix_space) && text[0] != ' ') {
    const std::string spaced = " " + std::string(text);
    return last ? sink(spaced) : cut(step, spaced, scratch, sink);
  }
  return last ? sink(text) : cut(step, text, scratch, sink);
}

}  // namespace dsrun
