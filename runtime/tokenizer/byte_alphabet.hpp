// GPT-2's alphabet of bytes: each byte as one printable character, in which tokenizer.json spells its tokens. Bytes
// that are printable in Latin-1 stand for themselves; the others take the characters from U+0100 on, in their order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dsrun {

constexpr bool byte_is_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

constexpr std::array<std::uint16_t, 256> make_byte_characters() {
  std::array<std::uint16_t, 256> characters{};
  std::uint16_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    characters[static_cast<std::size_t>(byte)] = byte_is_itself(byte) ? static_cast<std::uint16_t>(byte) : next++;
  return characters;
}

inline constexpr std::array<std::uint16_t, 256> byte_characters = make_byte_characters();

// Bytes as the characters that stand for them, in UTF-8.
std::string spell_bytes(std::string_view bytes);

// The bytes that a spelling stands for; nullopt if one of its characters stands for no byte.
std::optional<std::string> read_spelling(std::string_view spelling);

}  // namespace dsrun
