#include "runtime/tokenizer/unicode/unicode.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <utf8proc.h>

#include "runtime/tokenizer/unicode/properties.hpp"

namespace dsrun {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

bool is_space(std::string_view character) { return space_characters().contains(code_point_of(character)); }

// Where the last character of `text`, which may be malformed, begins.
std::size_t last_begin(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && continues(text[begin])) --begin;
  return begin;
}

bool is_word(std::string_view character) { return is_utf8(character) && touches_word(code_point_of(character)); }

// Appends the NFC of what utf8proc and the library see alike.
void append_nfc(std::string_view text, std::string& all) {
  if (text.empty()) return;
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size < 0) throw std::bad_alloc();  // the text is well-formed: nothing else can fail
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, std::free);
  all.append(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
}

// Bytes of the malformed part at `text`'s start: what could have begun a character, or one byte.
std::size_t malformed_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < 2 || !continues(text[1])) return 1;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool possible = !(lead == 0xe0 && second < 0xa0) && !(lead == 0xed && second > 0x9f) &&
                        !(lead == 0xf0 && second < 0x90) && !(lead == 0xf4 && second > 0x8f);
  if (!possible) return 1;
  std::size_t length = 2;
  while (length < wanted && length < text.size() && continues(text[length])) ++length;
  return length;
}

}  // namespace

bool is_ascii(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080u) != 0) return false;
  }
  for (; at < text.size(); ++at)
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  return true;
}

std::size_t well_formed_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      at += at + 8 <= text.size() && is_ascii(text.substr(at, 8)) ? 8 : 1;
    } else if (lead > 0xe0 && lead < 0xed && at + 2 < text.size() && continues(text[at + 1]) &&
               continues(text[at + 2])) {
      at += 3;  // most of what is not ASCII, without looking further
    } else if (lead >= 0xc2 && lead < 0xe0 && at + 1 < text.size() && continues(text[at + 1])) {
      at += 2;
    } else if (const std::size_t length = character_length(text, at); length > 0) {
      at += length;
    } else {
      break;
    }
  }
  return at;
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = character_length(text, at);
    if (length == 0 || !is_space(text.substr(at, length))) break;
    at += length;
  }
  return at;
}

std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t begin = last_begin(text.substr(0, end));
    if (character_length(text, begin) != end - begin || !is_space(text.substr(begin, end - begin))) break;
    end = begin;
  }
  return text.size() - end;
}

bool begins_with_word(std::string_view text) {
  return !text.empty() && is_word(text.substr(0, character_length(text, 0)));
}

bool ends_with_word(std::string_view text) { return !text.empty() && is_word(text.substr(last_begin(text))); }

std::string to_nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  // utf8proc 2.8 also loses U+11A7 behind a Hangul syllable: nothing composes with it.
  static const CharacterSet opaque = opaque_to_nfc() | CharacterSet{{0x11a7, 0x11a7}};
  std::string all;
  all.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    length = length_by_lead(text[at]);
    if (length == 1 || !opaque.contains(code_point_of(text.substr(at, length)))) continue;
    append_nfc(text.substr(done, at - done), all);
    all.append(text.substr(at, length));
    done = at + length;
  }
  append_nfc(text.substr(done), all);
  return all;
}

std::string replace_malformed(std::string_view text) {
  std::string replaced;
  replaced.reserve(text.size());
  while (!text.empty()) {
    const std::size_t good = well_formed_prefix(text);
    replaced.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) break;
    replaced += "\xef\xbf\xbd";
    text.remove_prefix(malformed_length(text));
  }
  return replaced;
}

}  // namespace dsrun
