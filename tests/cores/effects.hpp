// What a core wants done, picked by kind.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace dsrun::test {

inline constexpr std::int64_t second_ns = 1'000'000'000;

// Those of one kind, in order.
template <class Kind, class Effect>
std::vector<Kind> all_of(const std::vector<Effect>& effects) {
  std::vector<Kind> chosen;
  for (const Effect& effect : effects)
    if (const auto* kind = std::get_if<Kind>(&effect)) chosen.push_back(*kind);
  return chosen;
}

// The messages of one type among effects that send.
template <class Message, class Send, class Effect>
std::vector<Message> sent(const std::vector<Effect>& effects) {
  std::vector<Message> messages;
  for (const Send& effect : all_of<Send>(effects))
    if (const auto* message = std::get_if<Message>(&effect.message)) messages.push_back(*message);
  return messages;
}

}  // namespace dsrun::test
