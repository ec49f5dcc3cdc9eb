#include "runtime/tokenizer/bpe.hpp"

#include <algorithm>
#include <stdexcept>

#include "runtime/hash.hpp"

namespace dsrun {
namespace {

constexpr std::size_t short_piece = 48;  // bytes up to which looking at every pair beats a heap
constexpr std::uint32_t none = ~std::uint32_t{0};

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

// A heap's top is the lowest rank, of equals the leftmost.
bool comes_later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

}  // namespace

Bpe::Bpe(const std::array<std::int32_t, 256>& byte_tokens, std::size_t most_merges) : byte_tokens_(byte_tokens) {
  std::size_t size = 16;
  while (size < 2 * most_merges) size *= 2;
  slots_.assign(size, Slot{});
}

Bpe::Bpe(const std::array<std::int32_t, 256>& byte_tokens, const std::vector<BpeMerge>& merges)
    : Bpe(byte_tokens, merges.size()) {
  for (const BpeMerge& merge : merges) add(merge);
}

void Bpe::add(const BpeMerge& merge) {
  const_cast<Slot&>(find(merge.left, merge.right)) = {pair_of(merge.left, merge.right), next_rank_++, merge.result};
}

// The pair's slot, or the empty one where it would be.
const Bpe::Slot& Bpe::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t pair = pair_of(left, right), mask = slots_.size() - 1;
  for (std::uint64_t at = mix64(pair) & mask;; at = (at + 1) & mask)
    if (slots_[at].pair == pair || slots_[at].pair == empty_slot) return slots_[at];
}

void Bpe::encode(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& tokens) const {
  if (piece.size() >= none) throw std::length_error("a piece of text of 4 GiB or more cannot be tokenized");
  return piece.size() <= short_piece ? encode_short(piece, tokens) : encode_long(piece, scratch, tokens);
}

void Bpe::encode_short(std::string_view piece, std::vector<std::int32_t>& tokens) const {
  std::array<std::int32_t, short_piece> symbols;
  std::array<Slot, short_piece> pairs;  // pairs[i]: of symbols i and i + 1
  std::size_t size = 0;
  for (const char byte : piece)
    if (const std::int32_t token = byte_tokens_[static_cast<unsigned char>(byte)]; token != no_token)
      symbols[size++] = token;
  for (std::size_t i = 0; i + 1 < size; ++i) pairs[i] = find(symbols[i], symbols[i + 1]);
  while (size > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < size; ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == no_rank) break;
    symbols[best] = pairs[best].result;
    std::copy(symbols.begin() + best + 2, symbols.begin() + size, symbols.begin() + best + 1);
    std::copy(pairs.begin() + best + 1, pairs.begin() + size - 1, pairs.begin() + best);
    --size;
    if (best > 0) pairs[best - 1] = find(symbols[best - 1], symbols[best]);
    if (best + 1 < size) pairs[best] = find(symbols[best], symbols[best + 1]);
  }
  tokens.insert(tokens.end(), symbols.begin(), symbols.begin() + size);
}

void Bpe::encode_long(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& tokens) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch.symbols;
  std::vector<BpeScratch::Candidate>& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  for (const char byte : piece) {
    const std::int32_t token = byte_tokens_[static_cast<unsigned char>(byte)];
    const auto at = static_cast<std::uint32_t>(symbols.size());
    if (token != no_token) symbols.push_back({token, at - 1, at + 1});  // the first one's previous is `none`
  }
  if (symbols.empty()) return;
  symbols.back().next = none;
  const auto candidate = [&](std::uint32_t at) {
    const Slot& slot = find(symbols[at].token, symbols[symbols[at].next].token);
    if (slot.rank != no_rank) heap.push_back({slot.rank, at, slot.result});
    return slot.rank != no_rank;
  };
  for (std::uint32_t at = 0; at + 1 < symbols.size(); ++at) candidate(at);
  std::make_heap(heap.begin(), heap.end(), comes_later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const BpeScratch::Candidate top = heap.back();
    heap.pop_back();
    BpeScratch::Symbol& left = symbols[top.position];
    if (left.token == no_token || left.next == none) continue;
    BpeScratch::Symbol& right = symbols[left.next];
    if (find(left.token, right.token).rank != top.rank) continue;  // a pair that is no more
    left.token = top.result;
    left.next = right.next;
    right.token = no_token;
    if (left.next != none) {
      symbols[left.next].previous = top.position;
      if (candidate(top.position)) std::push_heap(heap.begin(), heap.end(), comes_later);
    }
    if (left.previous != none && candidate(left.previous)) std::push_heap(heap.begin(), heap.end(), comes_later);
  }
  for (std::uint32_t at = 0; at != none; at = symbols[at].next) tokens.push_back(symbols[at].token);
}

}  // namespace dsrun
