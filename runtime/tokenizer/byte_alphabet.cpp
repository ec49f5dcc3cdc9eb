#include "runtime/tokenizer/byte_alphabet.hpp"

namespace dsrun {
namespace {

constexpr std::size_t num_characters_used = 0x100 + 68;

// −1: no byte's character.
constexpr std::array<std::int16_t, num_characters_used> make_character_bytes() {
  std::array<std::int16_t, num_characters_used> bytes{};
  for (std::int16_t& byte : bytes) byte = -1;
  for (std::size_t byte = 0; byte < 256; ++byte) bytes[byte_characters[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}

constexpr std::array<std::int16_t, num_characters_used> character_bytes = make_character_bytes();

}  // namespace

std::string spell_bytes(std::string_view bytes) {
  std::string spelling;
  spelling.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const unsigned character = byte_characters[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      spelling += static_cast<char>(character);
    } else {
      spelling += static_cast<char>(0xc0 | character >> 6);
      spelling += static_cast<char>(0x80 | (character & 0x3f));
    }
  }
  return spelling;
}

std::optional<std::string> read_spelling(std::string_view spelling) {
  std::string bytes;
  bytes.reserve(spelling.size());
  for (std::size_t at = 0; at < spelling.size(); ++at) {
    unsigned character = static_cast<unsigned char>(spelling[at]);
    if (character >= 0x80) {
      if ((character & 0xe0) != 0xc0 || at + 1 == spelling.size()) return std::nullopt;
      character = (character & 0x1f) << 6 | (static_cast<unsigned char>(spelling[++at]) & 0x3f);
    }
    if (character >= num_characters_used || character_bytes[character] < 0) return std::nullopt;
    bytes += static_cast<char>(character_bytes[character]);
  }
  return bytes;
}

}  // namespace dsrun
