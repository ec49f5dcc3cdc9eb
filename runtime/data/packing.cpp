#include "runtime/data/packing.hpp"

#include <map>

namespace dsrun {
namespace {

// Training documents, those longer than the capacity cut into pieces of it; the longest first, of equals the earliest.
std::vector<TokenRange> cut(const TokenSource& source, std::int64_t capacity) {
  std::vector<TokenRange> pieces;
  for (std::int64_t document = 0; document < source.num_documents(); ++document) {
    const TokenRange range = training_part(source, document);
    for (std::int64_t begin = range.begin; begin < range.end; begin += capacity)
      pieces.push_back({begin, std::min(begin + capacity, range.end)});
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const TokenRange& a, const TokenRange& b) { return a.size() > b.size(); });
  return pieces;
}

}  // namespace

Packing::Packing(const TokenSource& source, std::int64_t capacity) {
  const std::vector<TokenRange> longest_first = cut(source, capacity);
  std::map<std::int64_t, std::vector<std::int64_t>> with_room;  // sequences, by what they have left
  std::vector<std::int64_t> sequence_of, counts;
  for (const TokenRange& piece : longest_first) {
    const auto fit = with_room.lower_bound(piece.size());
    std::int64_t room = capacity;
    auto sequence = static_cast<std::int64_t>(counts.size());
    if (fit == with_room.end()) {
      counts.push_back(0);
    } else {
      room = fit->first;
      sequence = fit->second.back();
      fit->second.pop_back();
      if (fit->second.empty()) with_room.erase(fit);
    }
    if (room > piece.size()) with_room[room - piece.size()].push_back(sequence);
    ++counts[static_cast<std::size_t>(sequence)];
    sequence_of.push_back(sequence);
  }
  firsts_.push_back(0);
  for (const std::int64_t count : counts) firsts_.push_back(firsts_.back() + count);
  pieces_.resize(longest_first.size());
  std::vector<std::int64_t> next(firsts_.begin(), firsts_.end() - 1);
  for (std::size_t i = 0; i < longest_first.size(); ++i)
    pieces_[static_cast<std::size_t>(next[static_cast<std::size_t>(sequence_of[i])]++)] = longest_first[i];
}

std::span<const TokenRange> Packing::pieces(std::int64_t sequence) const {
  const auto at = static_cast<std::size_t>(sequence);
  return std::span(pieces_).subspan(static_cast<std::size_t>(firsts_[at]),
                                    static_cast<std::size_t>(firsts_[at + 1] - firsts_[at]));
}

std::int64_t Packing::num_tokens(std::int64_t sequence) const {
  std::int64_t sum = 0;
  for (const TokenRange& piece : pieces(sequence)) sum += piece.size();
  return sum;
}

}  // namespace dsrun
