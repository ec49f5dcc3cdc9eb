#include "runtime/tokenizer/word_cache.hpp"

#include <algorithm>

#include "runtime/hash.hpp"

namespace dsrun {
namespace {

template <class T>
std::uint64_t load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// All bytes of a word of 8 at most; other words of its size give something else.
std::uint64_t load_up_to_8(std::string_view word) {
  const char* bytes = word.data();
  const std::size_t size = word.size();
  if (size >= 4) return load<std::uint32_t>(bytes) | load<std::uint32_t>(bytes + size - 4) << 32;
  if (size == 0) return 0;
  return load<std::uint8_t>(bytes) | load<std::uint8_t>(bytes + size / 2) << 8 |
         load<std::uint8_t>(bytes + size - 1) << 16;
}

}  // namespace

std::uint64_t WordCache::hash_of(std::string_view word) {
  std::uint64_t hash = word.size();
  for (; word.size() > 8; word.remove_prefix(8)) {
    hash = (hash ^ load<std::uint64_t>(word.data())) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  hash = mix64(hash ^ load_up_to_8(word));
  return hash == 0 ? 1 : hash;
}

std::size_t WordCache::slot_of(std::uint64_t hash, std::string_view word) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].hash != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.text_size == word.size() &&
        std::memcmp(texts_.data() + slot.text, word.data(), word.size()) == 0)
      break;
  }
  return at;
}

std::optional<std::span<const std::int32_t>> WordCache::find(std::string_view word) const {
  const Slot& slot = slots_[slot_of(hash_of(word), word)];
  if (slot.hash == 0) return std::nullopt;
  return std::span(tokens_.data() + slot.tokens, slot.num_tokens);
}

void WordCache::add(std::string_view word, std::span<const std::int32_t> tokens) {
  if (num_words_ == most_words) clear();
  if (2 * num_words_ >= slots_.size()) grow();
  const std::uint64_t hash = hash_of(word);
  slots_[slot_of(hash, word)] = {hash, static_cast<std::uint32_t>(texts_.size()),
                                 static_cast<std::uint32_t>(tokens_.size()), static_cast<std::uint32_t>(word.size()),
                                 static_cast<std::uint32_t>(tokens.size())};
  texts_.insert(texts_.end(), word.begin(), word.end());
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  ++num_words_;
}

void WordCache::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  texts_.clear();
  tokens_.clear();
  num_words_ = 0;
}

void WordCache::grow() {
  std::vector<Slot> before(slots_.size() * 2);
  before.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.hash == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].hash != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace dsrun
