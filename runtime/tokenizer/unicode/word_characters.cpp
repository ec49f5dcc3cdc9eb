#include "runtime/tokenizer/unicode/word_characters.hpp"

#include "dsl/text/utf8.hpp"
#include "runtime/tokenizer/unicode/regex.hpp"

namespace dsrun {
namespace {

// `character` is one character, or malformed.
bool is_word(std::string_view character) {
  static const Regex one_word_character = Regex::from_oniguruma(R"([\w\x{200c}\x{200d}])");
  thread_local RegexScratch scratch;
  return is_utf8(character) && one_word_character.find(character, 0, scratch).has_value();
}

}  // namespace

bool begins_with_word(std::string_view text) {
  return !text.empty() && is_word(text.substr(0, character_length(text, 0)));
}

bool ends_with_word(std::string_view text) {
  std::size_t begin = text.size();
  do {
    if (begin == 0) return false;
    --begin;
  } while ((static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80);
  return is_word(text.substr(begin));
}

}  // namespace dsrun
