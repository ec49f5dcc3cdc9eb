#include "runtime/data/fim.hpp"

#include <array>

#include "runtime/hash.hpp"

namespace dsrun {
namespace {

constexpr std::int64_t added_tokens = 3;
constexpr std::int64_t least_body = 2;  // tokens; shorter ones have no middle worth the name

// The `turn`-th number in [0, 1) of a document.
double uniform(std::uint64_t seed, std::int64_t document, std::uint64_t turn) {
  const std::uint64_t bits = mix64(mix64(seed ^ 0x66696d5f63757473u) + static_cast<std::uint64_t>(document) * 3 + turn);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

FimSource::FimSource(std::shared_ptr<const TokenSource> source, double rate, FimTokens tokens, std::uint64_t seed)
    : source_(std::move(source)), rate_(rate), tokens_(tokens), seed_(seed), begins_{0} {
  for (std::int64_t document = 0; document < source_->num_documents(); ++document) {
    const TokenRange range = source_->document(document);
    if (range.end > source_->training_size()) break;
    begins_.push_back(begins_.back() + range.size() + (is_cut(document) ? added_tokens : 0));
    source_end_ = range.end;
  }
}

bool FimSource::is_cut(std::int64_t document) const {
  return body(source_->document(document)) >= least_body && uniform(seed_, document, 0) < rate_;
}

FimSource::Cut FimSource::cut_of(std::int64_t document, std::int64_t body) const {
  const auto place = [&](std::uint64_t turn) {
    return static_cast<std::int64_t>(uniform(seed_, document, turn) * static_cast<double>(body + 1));
  };
  const std::int64_t one = place(1), other = place(2);
  return {std::min(one, other), std::max(one, other)};
}

TokenRange FimSource::document(std::int64_t index) const {
  const auto at = static_cast<std::size_t>(index);
  if (at + 1 < begins_.size()) return {begins_[at], begins_[at + 1]};
  const TokenRange range = source_->document(index);
  return {range.begin + added(), range.end + added()};
}

void FimSource::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  auto at = static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end() - 1, position) - begins_.begin());
  for (at -= at > 0 ? 1 : 0; count > 0; ++at) {
    if (position >= begins_.back()) return source_->copy(position - added(), count, tokens);
    const std::int64_t from = position - begins_[at], here = std::min(count, begins_[at + 1] - position);
    const auto document = static_cast<std::int64_t>(at);
    if (here > 0 && is_cut(document))
      copy_cut(document, from, here, tokens);
    else if (here > 0)
      source_->copy(source_->document(document).begin + from, here, tokens);
    position += here;
    count -= here;
    tokens += here;
  }
}

void FimSource::copy_cut(std::int64_t document, std::int64_t from, std::int64_t count, std::int32_t* tokens) const {
  struct Part {
    std::int32_t mark;  // before it; −1: none
    TokenRange range;   // of the document
  };
  const TokenRange whole = source_->document(document);
  const auto [first, second] = cut_of(document, body(whole));
  const std::array<Part, 4> parts = {{{tokens_.begin, {0, first}},
                                      {tokens_.hole, {second, body(whole)}},
                                      {tokens_.end, {first, second}},
                                      {-1, {body(whole), whole.size()}}}};
  const auto put = [&](std::int64_t size, const auto& fill) {  // of the whole told document, what is asked for
    const std::int64_t skipped = std::min(from, size), here = std::min(count, size - skipped);
    if (here > 0) fill(skipped, here);
    from -= skipped;
    count -= here;
    tokens += here;
  };
  for (const Part& part : parts) {
    if (part.mark >= 0) put(1, [&](std::int64_t, std::int64_t) { *tokens = part.mark; });
    put(part.range.size(), [&](std::int64_t skipped, std::int64_t here) {
      source_->copy(whole.begin + part.range.begin + skipped, here, tokens);
    });
  }
}

}  // namespace dsrun
