// Packing: documents in sequences of a fixed capacity such that only documents longer than a sequence are cut (best-fit
// packing, arXiv 2404.10830). Every training token is in exactly one sequence; what a sequence has left stays empty.
// A function of the documents' lengths alone, so the same on every mesh. Keeps 16 bytes a piece and 8 a sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

class Packing {
 public:
  Packing(const TokenSource& source, std::int64_t capacity);

  std::int64_t num_sequences() const { return static_cast<std::int64_t>(firsts_.size()) - 1; }
  std::int64_t num_tokens(std::int64_t sequence) const;  // at most the capacity
  // The parts of the stream that make a sequence, in order.
  std::span<const TokenRange> pieces(std::int64_t sequence) const;

 private:
  std::vector<TokenRange> pieces_;    // by sequence
  std::vector<std::int64_t> firsts_;  // of each sequence in pieces_, and their number
};

}  // namespace dsrun
