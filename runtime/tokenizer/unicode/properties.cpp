#include "runtime/tokenizer/unicode/properties.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "runtime/tokenizer/unicode/tables/tables.hpp"

namespace dsrun {
namespace {

struct CategoryName {
  std::string_view code, name;  // the name as find_property() compares it
};

constexpr std::array<CategoryName, 30> categories = {
    {{"Lu", "uppercaseletter"},    {"Ll", "lowercaseletter"},  {"Lt", "titlecaseletter"},
     {"Lm", "modifierletter"},     {"Lo", "otherletter"},      {"Mn", "nonspacingmark"},
     {"Mc", "spacingmark"},        {"Me", "enclosingmark"},    {"Nd", "decimalnumber"},
     {"Nl", "letternumber"},       {"No", "othernumber"},      {"Pc", "connectorpunctuation"},
     {"Pd", "dashpunctuation"},    {"Ps", "openpunctuation"},  {"Pe", "closepunctuation"},
     {"Pi", "initialpunctuation"}, {"Pf", "finalpunctuation"}, {"Po", "otherpunctuation"},
     {"Sm", "mathsymbol"},         {"Sc", "currencysymbol"},   {"Sk", "modifiersymbol"},
     {"So", "othersymbol"},        {"Zs", "spaceseparator"},   {"Zl", "lineseparator"},
     {"Zp", "paragraphseparator"}, {"Cc", "control"},          {"Cf", "format"},
     {"Co", "privateuse"},         {"Cn", "unassigned"},       {"Cs", "surrogate"}}};
constexpr std::array<CategoryName, 8> groups = {{{"L", "letter"},
                                                 {"M", "mark"},
                                                 {"N", "number"},
                                                 {"P", "punctuation"},
                                                 {"S", "symbol"},
                                                 {"Z", "separator"},
                                                 {"C", "other"},
                                                 {"LC", "casedletter"}}};

std::string plain(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return letters;
}

// The ranges of a table whose number `wanted` takes.
template <class Wanted>
CharacterSet ranges_of(std::span<const std::uint32_t> starts, const Wanted& wanted) {
  std::vector<CharacterRange> found;
  for (std::size_t i = 0; i < starts.size(); ++i)
    if (wanted(starts[i] & 0xff))
      found.push_back({starts[i] >> 8, i + 1 < starts.size() ? (starts[i + 1] >> 8) - 1 : last_character});
  return CharacterSet(std::move(found));
}

// Of categories whose codes begin so.
CharacterSet category(std::string_view begin) {
  return ranges_of(category_starts, [&](std::uint32_t number) { return categories[number].code.starts_with(begin); });
}

CharacterSet group(std::string_view code) {
  return code == "LC" ? category("Lu") | category("Ll") | category("Lt") : category(code);
}

CharacterSet alphabetic() { return category("L") | category("Nl") | CharacterSet(other_alphabetic); }

std::optional<CharacterSet> find_category(const std::string& name) {
  for (const CategoryName& each : groups)
    if (name == each.name || name == plain(each.code)) return group(each.code);
  for (const CategoryName& each : categories)
    if (name == each.name || name == plain(each.code)) return category(each.code);
  return std::nullopt;
}

std::optional<CharacterSet> find_script(const std::string& name) {
  for (std::size_t i = 0; i < script_names.size(); ++i)
    if (name == plain(script_names[i].full) || name == plain(script_names[i].code))
      return ranges_of(script_starts, [i](std::uint32_t number) { return number == i; });
  return std::nullopt;
}

}  // namespace

std::optional<CharacterSet> find_property(std::string_view name) {
  const std::string wanted = plain(name);
  if (wanted == "any") return CharacterSet{{0, last_character}};
  if (wanted == "alphabetic" || wanted == "alpha") return alphabetic();
  if (wanted == "lowercase" || wanted == "lower") return category("Ll") | CharacterSet(other_lowercase);
  if (wanted == "uppercase" || wanted == "upper") return category("Lu") | CharacterSet(other_uppercase);
  if (wanted == "whitespace" || wanted == "space") return space_characters();
  if (wanted == "alnum") return alphabetic() | decimal_characters();
  if (wanted == "digit") return decimal_characters();
  if (wanted == "punct") return category("P");
  if (wanted == "cntrl") return category("Cc");
  if (wanted == "assigned") return ~category("Cn");
  std::optional<CharacterSet> found = find_category(wanted);
  return found ? found : find_script(wanted);
}

const CharacterSet& space_characters() {
  static const CharacterSet set(white_space);
  return set;
}

const CharacterSet& decimal_characters() {
  static const CharacterSet set = category("Nd");
  return set;
}

const CharacterSet& word_characters() {
  static const CharacterSet set = alphabetic() | category("M") | category("Nd") | category("Pc");
  return set;
}

const CharacterSet& numeric_characters() {
  static const CharacterSet set = category("N") | CharacterSet(other_numeric);
  return set;
}

const CharacterSet& opaque_to_nfc() {
  static const CharacterSet set(unknown_to_nfc);
  return set;
}

bool touches_word(std::uint32_t character) {
  constexpr std::uint32_t non_joiner = 0x200c, joiner = 0x200d;
  return character == non_joiner || character == joiner || word_characters().contains(character);
}

CharacterSet with_other_case(const CharacterSet& set) {
  std::vector<CharacterRange> all = set.ranges();
  for (const CaseClass& each : case_classes) {
    const auto& these = each.characters;
    if (std::any_of(these.begin(), these.end(), [&](std::uint32_t c) { return c != 0 && set.contains(c); }))
      for (const std::uint32_t c : these)
        if (c != 0) all.push_back({c, c});
  }
  return CharacterSet(std::move(all));
}

bool has_long_spelling(const CharacterSet& set) {
  return std::any_of(case_expansions.begin(), case_expansions.end(),
                     [&](const CaseExpansion& each) { return set.contains(each.character); });
}

bool begins_long_spelling(std::uint32_t first, std::uint32_t second) {
  const CharacterSet one = with_other_case({{first, first}}), two = with_other_case({{second, second}});
  return std::any_of(case_expansions.begin(), case_expansions.end(), [&](const CaseExpansion& each) {
    return one.contains(each.spelled[0]) && two.contains(each.spelled[1]);
  });
}

}  // namespace dsrun
