// Inbox: the messages that have come to a device and are not used yet. All tensors come in through it, so each has a
// tag and a length that the plan foresees.
#pragma once

#include <set>

#include "runtime/device/inbox/expected_messages.hpp"
#include "runtime/device/message.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {

class Inbox {
 public:
  // `plan` and `routes` must outlive the inbox; `routes` are those of `rank`.
  Inbox(const Plan& plan, int rank, const ExpertRoutes& routes) : expected_(plan, rank, routes) {}

  // Stores a message. Throws MessageError if the plan does not foresee it, or if it is here already.
  void file(TensorMessage message);
  // file() for a message of another rank. The message must belong to `round` if that is running, or to a later round: a
  // peer may get its order earlier.
  void file_from_peer(TensorMessage message, std::uint64_t round, bool is_running);
  bool has(const Tag& tag) const { return messages_.contains(tag); }
  // Takes a message out. Throws InternalError if it is not here.
  Buffer take(const Tag& tag);
  // Checks at the end of a round that all messages are used. Throws MessageError for one that is left.
  void expect_empty() const;

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(const TensorMessage& a, const TensorMessage& b) const { return a.tag < b.tag; }
    bool operator()(const TensorMessage& a, const Tag& b) const { return a.tag < b; }
    bool operator()(const Tag& a, const TensorMessage& b) const { return a < b.tag; }
  };
  ExpectedMessages expected_;
  std::set<TensorMessage, Less> messages_;
};

}  // namespace dsrun
