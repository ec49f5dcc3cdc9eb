#include "dsl/keys/field.hpp"

#include <type_traits>

namespace dsrun {
namespace {

std::string any_of(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "\"" : " or \"") + name + "\"";
  return all;
}

template <class Owner>
struct TypeName {
  std::string operator()(int& (*)(Owner&)) const { return "integer"; }
  std::string operator()(std::int64_t& (*)(Owner&)) const { return "integer"; }
  std::string operator()(std::uint64_t& (*)(Owner&)) const { return "integer"; }
  std::string operator()(double& (*)(Owner&)) const { return "number"; }
  std::string operator()(bool& (*)(Owner&)) const { return "boolean"; }
  std::string operator()(std::string& (*)(Owner&)) const { return "string"; }
  std::string operator()(std::vector<int>& (*)(Owner&)) const { return "array of integers"; }
  std::string operator()(std::vector<std::string>& (*)(Owner&)) const { return "array of strings"; }
  std::string operator()(const Word<Owner>& word) const { return any_of(word.names); }
  std::string operator()(const Choice<Owner>& choice) const { return any_of(choice.names); }
  std::string operator()(const Vocabulary<Owner>&) const { return "\"byte\" or integer"; }
  std::string operator()(const Selection<Owner>& selection) const {
    return any_of({selection.everything.name}) + " or array of " + any_of(selection.names());
  }
};

template <class Owner>
struct TakesNumbers {
  template <class Number>
  bool operator()(Number& (*)(Owner&)) const {
    return std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>;
  }
  bool operator()(std::vector<int>& (*)(Owner&)) const { return true; }
  bool operator()(const Word<Owner>&) const { return false; }
  bool operator()(const Choice<Owner>&) const { return false; }
  bool operator()(const Vocabulary<Owner>&) const { return true; }
  bool operator()(const Selection<Owner>&) const { return false; }
};

}  // namespace

template <class Owner>
std::vector<std::string> Selection<Owner>::names() const {
  std::vector<std::string> all;
  for (const Item& item : items) all.push_back(item.name);
  return all;
}
template struct Selection<Job>;
template struct Selection<NodeSpec>;

template <class Owner>
std::string type_name(const Field<Owner>& field) {
  return std::visit(TypeName<Owner>{}, field);
}

template <class Owner>
bool takes_numbers(const Field<Owner>& field) {
  return std::visit(TakesNumbers<Owner>{}, field);
}

template std::string type_name<Job>(const Field<Job>&);
template std::string type_name<NodeSpec>(const Field<NodeSpec>&);
template bool takes_numbers<Job>(const Field<Job>&);
template bool takes_numbers<NodeSpec>(const Field<NodeSpec>&);

}  // namespace dsrun
