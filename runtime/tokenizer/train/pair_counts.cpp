#include "runtime/tokenizer/train/pair_counts.hpp"

#include <algorithm>
#include <utility>

namespace dsrun {
namespace {

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

void PairCounts::add_word(std::vector<std::int32_t> tokens, std::int64_t frequency) {
  const auto word = static_cast<std::uint32_t>(words_.size());
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) change(key_of(tokens[i], tokens[i + 1]), word, frequency);
  words_.push_back({std::move(tokens), frequency});
}

void PairCounts::change(std::uint64_t pair, std::uint32_t word, std::int64_t by) {
  Occurrences& occurrences = pairs_[pair];
  occurrences.count += by;
  if (by < 0) return;
  if (occurrences.words.empty() || occurrences.words.back() != word) occurrences.words.push_back(word);
  if (grown_.empty() || grown_.back() != pair) grown_.push_back(pair);
}

std::optional<TokenPair> PairCounts::most_frequent(std::int64_t min_frequency) {
  std::sort(grown_.begin(), grown_.end());
  grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
  for (const std::uint64_t pair : grown_) candidates_.push({pairs_[pair].count, pair});
  grown_.clear();
  while (!candidates_.empty()) {
    const Candidate top = candidates_.top();
    const std::int64_t count = pairs_[top.pair].count;
    if (count == top.count) {
      if (count < std::max<std::int64_t>(min_frequency, 1)) break;
      return TokenPair{static_cast<std::int32_t>(top.pair >> 32), static_cast<std::int32_t>(top.pair & 0xffffffff)};
    }
    candidates_.pop();
    if (count > 0) candidates_.push({count, top.pair});
  }
  return std::nullopt;
}

void PairCounts::merge(TokenPair pair, std::int32_t result) {
  const auto found = pairs_.find(key_of(pair.left, pair.right));
  const std::vector<std::uint32_t> words = std::move(found->second.words);
  pairs_.erase(found);
  for (const std::uint32_t word : words) merge_in(word, pair, result);
  pairs_.erase(key_of(pair.left, pair.right));  // of three in a row, a pair was counted that is no more
}

std::int64_t PairCounts::num_tokens() const {
  std::int64_t sum = 0;
  for (const Word& word : words_) sum += word.frequency * static_cast<std::int64_t>(word.tokens.size());
  return sum;
}

void PairCounts::merge_in(std::uint32_t word, TokenPair pair, std::int32_t result) {
  std::vector<std::int32_t>& tokens = words_[word].tokens;
  const std::int64_t frequency = words_[word].frequency;
  std::size_t kept = 0;  // tokens before this one are done
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    const bool here = tokens[at] == pair.left && at + 1 < tokens.size() && tokens[at + 1] == pair.right;
    if (!here) {
      tokens[kept++] = tokens[at];
      continue;
    }
    if (kept > 0) {
      change(key_of(tokens[kept - 1], pair.left), word, -frequency);
      change(key_of(tokens[kept - 1], result), word, frequency);
    }
    ++at;
    if (at + 1 < tokens.size()) {
      change(key_of(pair.right, tokens[at + 1]), word, -frequency);
      change(key_of(result, tokens[at + 1]), word, frequency);
    }
    tokens[kept++] = result;
  }
  tokens.resize(kept);
}

}  // namespace dsrun
