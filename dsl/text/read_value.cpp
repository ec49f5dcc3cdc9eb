#include "dsl/text/read_value.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dsl/text/suggest.hpp"
#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

template <class T>
using Read = std::variant<T, Misfit>;

// One overload a type of field: fills it and returns nothing, or returns why not.
template <class Owner>
class ValueReader {
 public:
  ValueReader(Owner& owner, const Key<Owner>& key, const TomlValue& value) : owner_(owner), key_(key), value_(value) {}

  template <class Number>
  std::optional<Misfit> operator()(Number& (*field)(Owner&)) const {
    return fill(field(owner_), number<Number>(value_));
  }
  std::optional<Misfit> operator()(bool& (*field)(Owner&)) const {
    return fill(field(owner_), exactly<bool>(value_, "a boolean"));
  }
  std::optional<Misfit> operator()(std::string& (*field)(Owner&)) const { return fill(field(owner_), text(value_)); }
  std::optional<Misfit> operator()(std::vector<int>& (*field)(Owner&)) const {
    return fill(field(owner_), items<int>([this](const TomlValue& item) { return number<int>(item); }));
  }
  std::optional<Misfit> operator()(std::vector<std::string>& (*field)(Owner&)) const {
    return fill(field(owner_), items<std::string>([this](const TomlValue& item) { return text(item); }));
  }
  std::optional<Misfit> operator()(const Word<Owner>& word) const {
    const auto name = one_of(value_, word.names);
    if (auto* wrong = std::get_if<Misfit>(&name)) return *wrong;
    word.field(owner_) = word.names[std::get<std::size_t>(name)];
    return std::nullopt;
  }
  std::optional<Misfit> operator()(const Choice<Owner>& choice) const {
    const auto name = one_of(value_, choice.names);
    if (auto* wrong = std::get_if<Misfit>(&name)) return *wrong;
    choice.set(owner_, static_cast<int>(std::get<std::size_t>(name)));
    return std::nullopt;
  }
  std::optional<Misfit> operator()(const Vocabulary<Owner>& vocabulary) const {
    if (std::holds_alternative<std::string>(value_.data)) {
      if (std::get<std::string>(value_.data) != "byte") return misfit(value_, "is neither \"byte\" nor an integer");
      vocabulary.set(owner_, 0);
      return std::nullopt;
    }
    const auto size = number<int>(value_);
    if (auto* wrong = std::get_if<Misfit>(&size)) return *wrong;
    vocabulary.set(owner_, std::get<int>(size));
    return std::nullopt;
  }
  std::optional<Misfit> operator()(const Selection<Owner>& selection) const {
    const bool everything = std::holds_alternative<std::string>(value_.data);
    std::vector<std::size_t> chosen;
    if (everything) {
      const auto word = one_of(value_, {selection.everything.name});
      if (auto* wrong = std::get_if<Misfit>(&word)) return *wrong;
    } else {
      const auto names = selection.names();
      auto read = items<std::size_t>([&](const TomlValue& item) { return one_of(item, names); });
      if (auto* wrong = std::get_if<Misfit>(&read)) return *wrong;
      chosen = std::get<std::vector<std::size_t>>(read);
    }
    selection.everything.flag(owner_) = everything;
    for (std::size_t i = 0; i < selection.items.size(); ++i)
      selection.items[i].flag(owner_) = std::find(chosen.begin(), chosen.end(), i) != chosen.end();
    return std::nullopt;
  }

 private:
  template <class T>
  static std::optional<Misfit> fill(T& field, Read<T> read) {
    if (auto* wrong = std::get_if<Misfit>(&read)) return std::move(*wrong);
    field = std::move(std::get<T>(read));
    return std::nullopt;
  }

  Misfit misfit(const TomlValue& value, std::string message) const {
    return {value.at, std::move(message), describe()};
  }

  template <class T>
  Read<T> exactly(const TomlValue& value, std::string_view wanted) const {
    if (const T* held = std::get_if<T>(&value.data)) return *held;
    return misfit(value, fmt::format("{} {}, not {}", &value == &value_ ? "is" : "has", kind_name(value), wanted));
  }

  template <class Number>
  Read<Number> number(const TomlValue& value) const {
    using Held = std::conditional_t<std::is_floating_point_v<Number>, double, std::int64_t>;
    const auto* integer = std::get_if<std::int64_t>(&value.data);
    const bool widens = std::is_floating_point_v<Number> && integer != nullptr;
    auto held = widens ? Read<Held>(static_cast<Held>(*integer))
                       : exactly<Held>(value, std::is_floating_point_v<Number> ? "a number" : "an integer");
    if (auto* wrong = std::get_if<Misfit>(&held)) return std::move(*wrong);
    const Held found = std::get<Held>(held);
    const auto compared = static_cast<double>(found);
    if (compared >= key_.range.min && compared <= key_.range.max) return static_cast<Number>(found);
    return misfit(value, fmt::format("{} {}, which is out of range", &value == &value_ ? "is" : "has", found));
  }

  Read<std::string> text(const TomlValue& value) const {
    auto held = exactly<std::string>(value, "a string");
    const std::string* found = std::get_if<std::string>(&held);
    if (found == nullptr) return held;
    const char* verb = &value == &value_ ? "is" : "has an entry that is";
    const auto size = static_cast<double>(found->size());
    if (size < key_.range.min) return misfit(value, fmt::format("{} empty", verb));
    if (size > key_.range.max) return misfit(value, fmt::format("{} longer than {} bytes", verb, key_.range.max));
    if (found->find('\t') != std::string::npos || printable(*found) != *found)
      return misfit(value, fmt::format("{} not plain text: it holds a control character", verb));
    return held;
  }

  template <class T, class ReadItem>
  Read<std::vector<T>> items(ReadItem read_item) const {
    const auto* array = std::get_if<TomlArray>(&value_.data);
    if (array == nullptr)
      return misfit(value_, fmt::format("is {}, not {}{}", kind_name(value_), article(), type_name<Owner>(key_.field)));
    std::vector<T> read;
    for (const TomlValue& item : *array) {
      auto one = read_item(item);
      if (auto* wrong = std::get_if<Misfit>(&one)) return std::move(*wrong);
      read.push_back(std::move(std::get<T>(one)));
    }
    return read;
  }

  Read<std::size_t> one_of(const TomlValue& value, const std::vector<std::string>& names) const {
    const auto name = exactly<std::string>(value, "a string");
    if (auto* wrong = std::get_if<Misfit>(&name)) return *wrong;
    const auto& word = std::get<std::string>(name);
    const auto found = std::find(names.begin(), names.end(), word);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const std::string near = nearest(word, names);
    return Misfit{value.at, fmt::format("{} \"{}\", which is unknown", &value == &value_ ? "is" : "has", word),
                  near.empty() ? describe() : fmt::format("did you mean \"{}\"? {}", near, describe())};
  }

  const char* article() const { return type_name<Owner>(key_.field).starts_with('a') ? "an " : ""; }

  // What would be right.
  std::string describe() const {
    const std::string range = has_range(key_) ? fmt::format(" from {} to {}", key_.range.min, key_.range.max) : "";
    return fmt::format("{}{}{}{}. {}", type_name<Owner>(key_.field), range, key_.unit.empty() ? "" : " in ", key_.unit,
                       key_.help);
  }

  Owner& owner_;
  const Key<Owner>& key_;
  const TomlValue& value_;
};

}  // namespace

template <class Owner>
std::optional<Misfit> read_value(Owner& owner, const Key<Owner>& key, const TomlValue& value) {
  return std::visit(ValueReader<Owner>(owner, key, value), key.field);
}

template std::optional<Misfit> read_value(Job&, const Key<Job>&, const TomlValue&);
template std::optional<Misfit> read_value(NodeSpec&, const Key<NodeSpec>&, const TomlValue&);

}  // namespace dsrun
