#include "runtime/device/inbox/inbox.hpp"

#include <utility>

#include <fmt/format.h>

#include "runtime/check.hpp"

namespace dsrun {

void Inbox::file(TensorMessage message) {
  expected_.check(message.tag, static_cast<std::int64_t>(message.payload.size()));
  const auto [place, is_new] = messages_.insert(std::move(message));
  if (!is_new) expected_.refuse(place->tag, "it came already");
}

void Inbox::file_from_peer(TensorMessage message, std::uint64_t round, bool is_running) {
  const Tag& tag = message.tag;
  if (tag.source == expected_.rank()) expected_.refuse(tag, "another rank sent it, under this rank's number");
  if (is_running ? tag.round != round : tag.round <= round)
    expected_.refuse(tag, fmt::format("it belongs to round {}, and round {} {}", tag.round, round,
                                      is_running ? "is running" : "is over"));
  file(std::move(message));
}

Buffer Inbox::take(const Tag& tag) {
  const auto found = messages_.find(tag);
  require(found != messages_.end(), "a step runs once its messages are here");
  auto node = messages_.extract(found);
  return std::move(node.value().payload);
}

void Inbox::expect_empty() const {
  if (!messages_.empty()) expected_.refuse(messages_.begin()->tag, "the round is over, and nothing has used it");
}

}  // namespace dsrun
