#include "runtime/tokenizer/load/json_place.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/text/utf8.hpp"
#include "runtime/tokenizer/error.hpp"

namespace dsrun {
namespace {

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 80;
  return printable(text.size() <= longest ? text : text.substr(0, longest));
}

}  // namespace

void JsonPlace::fail(std::string_view what) const { throw TokenizerError(*file_, path_, what); }

const JsonPlace& JsonPlace::with_keys(std::initializer_list<std::string_view> keys) const {
  if (!value_->is_object()) fail(fmt::format("an object belongs here, not {}", value_->type_name()));
  for (const auto& [key, unused] : value_->items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      fail(fmt::format("\"{}\" is not known here", shown(key)));
  return *this;
}

std::optional<JsonPlace> JsonPlace::find(std::string_view key) const {
  if (!value_->is_object()) fail(fmt::format("an object belongs here, not {}", value_->type_name()));
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonPlace(*found, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, shown(key)), *file_);
}

JsonPlace JsonPlace::at(std::string_view key) const {
  std::optional<JsonPlace> found = find(key);
  if (!found) fail(fmt::format("\"{}\" is missing", key));
  return *found;
}

JsonPlace JsonPlace::element(std::size_t index) const {
  return JsonPlace((*value_)[index], fmt::format("{}[{}]", path_, index), *file_);
}

std::vector<JsonPlace> JsonPlace::elements() const {
  if (!value_->is_array()) fail(fmt::format("a list belongs here, not {}", value_->type_name()));
  std::vector<JsonPlace> all;
  for (std::size_t i = 0; i < value_->size(); ++i) all.push_back(element(i));
  return all;
}

const std::string& JsonPlace::text() const {
  if (!value_->is_string()) fail(fmt::format("a string belongs here, not {}", value_->type_name()));
  return value_->get_ref<const std::string&>();
}

bool JsonPlace::flag() const {
  if (!value_->is_boolean()) fail(fmt::format("true or false belongs here, not {}", value_->type_name()));
  return value_->get<bool>();
}

bool JsonPlace::flag(std::string_view key, bool otherwise) const {
  const std::optional<JsonPlace> found = find(key);
  return found ? found->flag() : otherwise;
}

std::int32_t JsonPlace::token_id() const {
  if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())
    fail("a token's id belongs here: a whole number from 0 to 2147483647");
  return value_->get<std::int32_t>();
}

}  // namespace dsrun
