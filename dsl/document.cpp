#include "dsl/document.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "dsl/utf8.hpp"

namespace dsrun {
namespace {

// Makes values of one parsed text, whose columns in the source are `shift` more.
class Converter {
 public:
  Converter(const Source& source, int shift) : source_(source), shift_(shift) {}

  SourcePosition position(const toml::source_region& region) const {
    const auto line = static_cast<int>(region.begin.line);
    return {&source_, line, line > 0 ? static_cast<int>(region.begin.column) + shift_ : 0};
  }

  TomlValue value(const toml::node& node) const {
    const SourcePosition at = position(node.source());
    if (const toml::table* children = node.as_table()) return {table(*children), at};
    if (const toml::array* children = node.as_array()) {
      TomlArray items;
      for (const toml::node& child : *children) items.push_back(value(child));
      return {std::move(items), at};
    }
    if (const auto boolean = node.value_exact<bool>()) return {*boolean, at};
    if (const auto integer = node.value_exact<std::int64_t>()) return {*integer, at};
    if (const auto number = node.value_exact<double>()) return {*number, at};
    if (auto text = node.value_exact<std::string>()) return {std::move(*text), at};
    return {Moment{}, at};
  }

  TomlTable table(const toml::table& children) const {
    TomlTable entries;
    for (const auto& [key, child] : children)
      entries.push_back({std::string(key.str()), position(key.source()), value(child)});
    return entries;
  }

 private:
  const Source& source_;
  int shift_;
};

Diagnostic syntax_fault(const Converter& converter, const toml::parse_error& error) {
  return {converter.position(error.source()).place(""),
          {},
          std::string(error.description()),
          "see toml.io for the notation"};
}

}  // namespace

const TomlValue* find(const TomlTable& table, std::string_view name) {
  const auto entry = std::find_if(table.begin(), table.end(), [&](const TomlEntry& each) { return each.name == name; });
  return entry == table.end() ? nullptr : &entry->value;
}

TomlValue* find(TomlTable& table, std::string_view name) {
  return const_cast<TomlValue*>(find(static_cast<const TomlTable&>(table), name));
}

std::string_view kind_name(const TomlValue& value) {
  constexpr std::array<std::string_view, 7> names = {"a date or time", "a boolean", "an integer", "a number",
                                                     "a string",       "an array",  "a table"};
  static_assert(names.size() == std::variant_size_v<decltype(TomlValue::data)>);
  return names[value.data.index()];
}

std::optional<TomlTable> parse_document(const Source& source, std::vector<Diagnostic>& faults) {
  const Converter converter(source, 0);
  if (auto fault = source.fault()) {
    faults.push_back(std::move(*fault));
    return std::nullopt;
  }
  try {
    return converter.table(toml::parse(source.text(), source.name()));
  } catch (const toml::parse_error& error) {
    faults.push_back(syntax_fault(converter, error));
    return std::nullopt;
  }
}

std::optional<TomlValue> parse_value(const Source& source, std::size_t start, std::vector<Diagnostic>& faults) {
  constexpr std::string_view prefix = "value = ";
  const std::string text = source.text().substr(start);
  const auto column = static_cast<int>(num_characters(std::string_view(source.text()).substr(0, start)));
  const Converter converter(source, column - static_cast<int>(prefix.size()));
  try {
    return converter.value(*toml::parse(std::string(prefix) + text).get("value"));
  } catch (const toml::parse_error& error) {
    const bool bare = text.empty() || std::string_view("\"'[{").find(text[0]) == std::string_view::npos;
    if (bare) return TomlValue{text, {&source, 1, column + 1}};
    faults.push_back(syntax_fault(converter, error));
    return std::nullopt;
  }
}

TomlValue literal(std::string_view text) {
  static const Source none("", "");
  return Converter(none, 0).value(*toml::parse(fmt::format("value = {}", text)).get("value"));
}

}  // namespace dsrun
