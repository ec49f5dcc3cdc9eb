// The core of training: words as lists of tokens, and how often, and in which words, each pair of neighbours occurs.
// These counts are updated at each merge, so that a merge costs as much as the words that it changes.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

namespace dsrun {

struct TokenPair {
  std::int32_t left = 0;
  std::int32_t right = 0;
};

class PairCounts {
 public:
  void add_word(std::vector<std::int32_t> tokens, std::int64_t frequency);

  // The most frequent pair, if there is one with this frequency at least; of equals the one with the lower ids.
  std::optional<TokenPair> most_frequent(std::int64_t min_frequency);
  // Replaces the pair by `result` in all words.
  void merge(TokenPair pair, std::int32_t result);

  std::int64_t num_tokens() const;  // of all words, each as often as it comes

 private:
  struct Word {
    std::vector<std::int32_t> tokens;
    std::int64_t frequency = 0;
  };
  struct Occurrences {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // all that have it, and some that had it
  };
  struct Candidate {
    std::int64_t count;
    std::uint64_t pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void change(std::uint64_t pair, std::uint32_t word, std::int64_t by);
  void merge_in(std::uint32_t word, TokenPair pair, std::int32_t result);

  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, Occurrences> pairs_;
  std::priority_queue<Candidate> candidates_;  // counts may be out of date: too high
  std::vector<std::uint64_t> grown_;           // pairs that the merge under way has made
};

}  // namespace dsrun
