#include "runtime/data/json_repair.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

constexpr std::size_t escape_size = 6;  // of \uHHHH

class JsonRepairer {
 public:
  explicit JsonRepairer(std::string_view json) : json_(json) {}

  RepairedJson run() {
    while (at_ < json_.size()) {
      const char c = json_[at_];
      if (c == '"') in_string_ = !in_string_;
      if (in_string_ && c == '\\') {
        escape();
      } else if (in_string_ && static_cast<unsigned char>(c) < 0x20) {
        replace(1, fmt::format("\\u{:04x}", c), "a control character within a string");
      } else if (!in_string_ && (std::isalnum(static_cast<unsigned char>(c)) || c == '-')) {
        word();
      } else {
        keep(1);
      }
    }
    return std::move(result_);
  }

 private:
  void keep(std::size_t size) {
    result_.text += json_.substr(at_, size);
    at_ += size;
  }

  void replace(std::size_t size, std::string_view by, std::string_view why) {
    result_.text += by;
    at_ += size;
    if (std::find(result_.repairs.begin(), result_.repairs.end(), why) == result_.repairs.end())
      result_.repairs.push_back(why);
  }

  // The surrogate that \uHHHH at `at` stands for; 0: none.
  unsigned surrogate_at(std::size_t at) const {
    const std::string_view digits = json_.substr(std::min(at, json_.size()), escape_size);
    if (digits.size() < escape_size || !digits.starts_with("\\u")) return 0;
    for (const char c : digits.substr(2))
      if (!std::isxdigit(static_cast<unsigned char>(c))) return 0;
    const auto value = static_cast<unsigned>(std::strtoul(std::string(digits.substr(2)).c_str(), nullptr, 16));
    return value >= 0xd800 && value <= 0xdfff ? value : 0;
  }

  void escape() {
    const unsigned here = surrogate_at(at_), next = surrogate_at(at_ + escape_size);
    if (here == 0) return keep(std::min<std::size_t>(2, json_.size() - at_));
    if (here < 0xdc00 && next >= 0xdc00) return keep(2 * escape_size);
    replace(escape_size, "\\ufffd", "half of a surrogate pair");
  }

  // A number, or a name such as true.
  void word() {
    std::size_t size = 0;
    while (at_ + size < json_.size() &&
           (std::isalnum(static_cast<unsigned char>(json_[at_ + size])) || json_[at_ + size] == '-' ||
            json_[at_ + size] == '+' || json_[at_ + size] == '.'))
      ++size;
    const std::string text(json_.substr(at_, size));
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end == text.c_str() + size && !std::isfinite(value)) return replace(size, "null", "a number that JSON has not");
    keep(size);
  }

  std::string_view json_;
  RepairedJson result_;
  std::size_t at_ = 0;
  bool in_string_ = false;
};

}  // namespace

RepairedJson repair_json(std::string_view json) {
  if (is_utf8(json)) return JsonRepairer(json).run();
  const std::string text = replace_malformed(json);
  RepairedJson result = JsonRepairer(text).run();
  result.repairs.insert(result.repairs.begin(), "malformed UTF-8");
  return result;
}

}  // namespace dsrun
