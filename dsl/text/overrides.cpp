#include "dsl/text/overrides.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::size_t most_parts = 8;  // of a path; no key has more than four

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::optional<std::size_t> index_of(const std::string& word) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return index;
}

// The entry of `array` or `table` that `word` names, made if it can be; nullptr otherwise.
TomlValue* enter(TomlArray& array, const std::string& word, SourcePosition here) {
  const auto index = index_of(word);
  if (!index || *index > array.size()) return nullptr;
  if (*index == array.size()) array.push_back({TomlTable{}, here});
  return &array[*index];
}
TomlValue* enter(TomlTable& table, const std::string& word, bool makes_array, SourcePosition here) {
  if (TomlValue* found = find(table, word)) return found;
  TomlValue made{TomlTable{}, here};
  if (makes_array) made.data = TomlArray{};
  table.push_back({word, here, std::move(made)});
  return &table.back().value;
}

}  // namespace

void apply_override(TomlTable& root, const Source& source, std::vector<Diagnostic>& faults) {
  const std::string& text = source.text();
  const std::size_t equals = text.find('=');
  std::string path = text.substr(0, equals);
  path.erase(path.find_last_not_of(' ') + 1);  // "job.seed = 5" will do as well
  const std::vector<std::string> parts = split(path);
  const SourcePosition here{&source, 1, 1};
  const auto refuse = [&](std::string message, std::string help) {
    faults.push_back({here.place(path), {}, std::move(message), std::move(help)});
  };
  if (source.fault() || !source.malformed().empty() || text.find_first_of("\r\n") != std::string::npos)
    return refuse("an override is one line of UTF-8 text", "write for instance --set job.steps=10");
  if (equals == std::string::npos || parts.size() < 2 || parts.size() > most_parts ||
      std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); }))
    return refuse("an override is table.key=value, arrays by index", "write for instance --set job.steps=10");
  std::optional<TomlValue> value = parse_value(source, equals + 1, faults);
  if (!value) return;

  TomlTable changed = root;  // so that a path that leads nowhere leaves nothing behind
  TomlTable* table = &changed;
  TomlValue* target = nullptr;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool before_index = i + 1 < parts.size() && index_of(parts[i + 1]);
    if (TomlArray* array = target == nullptr ? nullptr : std::get_if<TomlArray>(&target->data)) {
      target = enter(*array, parts[i], here);
    } else {
      if (target != nullptr) table = std::get_if<TomlTable>(&target->data);
      target = table == nullptr ? nullptr : enter(*table, parts[i], before_index, here);
    }
    if (target == nullptr)
      return refuse(fmt::format("there is no \"{}\" to set in {}", parts[i], path),
                    "write table.key=value; indices of arrays count from 0 without gaps");
  }
  *target = std::move(*value);
  root = std::move(changed);
}

}  // namespace dsrun
