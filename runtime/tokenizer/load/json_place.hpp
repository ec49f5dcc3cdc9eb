// JsonPlace: a value of a tokenizer.json with the way to it, so that every complaint names its place. What a reader
// does not ask for by name is unknown, and an error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace dsrun {

class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string path, const std::string& file)
      : value_(&value), path_(std::move(path)), file_(&file) {}

  [[noreturn]] void fail(std::string_view what) const;  // a TokenizerError

  // An object that has no other keys than these.
  const JsonPlace& with_keys(std::initializer_list<std::string_view> keys) const;
  std::optional<JsonPlace> find(std::string_view key) const;  // also nothing where it is null
  JsonPlace at(std::string_view key) const;
  std::vector<JsonPlace> elements() const;
  JsonPlace element(std::size_t index) const;

  const std::string& text() const;
  bool flag() const;
  bool flag(std::string_view key, bool otherwise) const;
  std::int32_t token_id() const;  // at least 0
  const nlohmann::json& value() const { return *value_; }

 private:
  const nlohmann::json* value_;
  std::string path_;
  const std::string* file_;
};

}  // namespace dsrun
