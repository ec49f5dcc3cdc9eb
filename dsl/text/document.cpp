#include "dsl/text/document.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "dsl/text/utf8.hpp"

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

// A text some of whose lines have become blank, so that the parser may go on behind a fault.
class Lines {
 public:
  explicit Lines(const std::string& text) {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines_.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }

  std::string text() const { return fmt::format("{}\n", fmt::join(lines_, "\n")); }

  // From 1. A header becomes that of a table of no name: the keys below it are no other table's. False: it was blank.
  bool leave_out(int line) {
    if (line < 1 || static_cast<std::size_t>(line) > lines_.size()) return false;
    std::string& text = lines_[static_cast<std::size_t>(line) - 1];
    if (text.find_first_not_of(" \t\r") == std::string::npos) return false;
    text = is_header(text) ? fmt::format("[\"{}{}\"]", nameless, line) : "";
    return true;
  }

  // What such tables are called: no word that a person would write.
  static constexpr std::string_view nameless = "(unreadable) ";

  // The array in which the fault at `line` is may have begun on a line above, which nothing closed: then it goes, and
  // `line` may be a statement in its own right.
  bool leave_out_array(int line) {
    int first = std::min(line, static_cast<int>(lines_.size()) + 1);
    const auto opens = [&](int each) {
      return lines_[static_cast<std::size_t>(each) - 1].find("= [") != std::string::npos;
    };
    do --first;
    while (first > 0 && !opens(first));
    if (first < 1) return leave_out(line);
    bool any = false;
    for (int each = first; each < line; ++each) any = leave_out(each) || any;
    return any;
  }

  bool is_header_at(int line) const {
    return line >= 1 && static_cast<std::size_t>(line) <= lines_.size() &&
           is_header(lines_[static_cast<std::size_t>(line) - 1]);
  }

 private:
  static bool is_header(const std::string& line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first != std::string::npos && line[first] == '[';
  }

  std::vector<std::string> lines_;
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
  constexpr int most_syntax_faults = 20;
  if (auto fault = source.fault()) {
    faults.push_back(std::move(*fault));
    return std::nullopt;
  }
  const Converter converter(source, 0);
  Lines lines(source.text());
  for (Diagnostic& malformed : source.malformed()) {
    lines.leave_out(malformed.place.line);
    faults.push_back(std::move(malformed));
  }
  for (int i = 0; i < most_syntax_faults; ++i) {
    try {
      TomlTable root = converter.table(toml::parse(lines.text(), source.name()));
      std::erase_if(root, [](const TomlEntry& entry) { return entry.name.starts_with(Lines::nameless); });
      return root;
    } catch (const toml::parse_error& error) {
      const int line = static_cast<int>(error.source().begin.line);
      const auto says = [&](const char* word) { return error.description().find(word) != std::string_view::npos; };
      const bool in_array = says("parsing array") || (says("parsing value") && lines.is_header_at(line));
      const bool is_new = in_array ? lines.leave_out_array(line) : lines.leave_out(line);
      if (is_new || faults.empty()) faults.push_back(syntax_fault(converter, error));
      if (!is_new) return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<TomlValue> parse_value(const Source& source, std::size_t start, std::vector<Diagnostic>& faults) {
  constexpr std::string_view prefix = "value = ";
  const std::string text = source.text().substr(start);
  const auto column = static_cast<int>(num_characters(std::string_view(source.text()).substr(0, start)));
  const Converter converter(source, column - static_cast<int>(prefix.size()));
  try {
    return converter.value(*toml::parse(std::string(prefix) + text).get("value"));
  } catch (const toml::parse_error& error) {
    const bool number = text.find_first_not_of("+-0123456789_.eE") == std::string::npos;  // one that is out of range
    const bool bare = text.empty() || (!number && std::string_view("\"'[{").find(text[0]) == std::string_view::npos);
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
