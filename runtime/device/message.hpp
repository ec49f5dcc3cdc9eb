// What devices send each other: a tensor, and a tag that says which tensor it is. The tag does not say where in a
// program it was sent.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "cluster/layout/hop.hpp"
#include "models/passes/pass.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {

enum class Traffic : std::uint8_t {
  activation,  // a stage's output, sent forward
  gradient,    // the gradient of a stage's output, sent back
  exchange,    // a step of exchange_counts, dispatch or combine inside an expert group
  reduce,      // a shard's gradients, to its owner
  all_gather,  // a shard's new weights, from its owner
};

struct Tag {
  std::uint32_t generation = 0;
  std::uint64_t round = 0;  // one pass over a Program; the coordinator counts them
  Traffic traffic = Traffic::activation;
  int stage = 0;  // the bucket for reduce and gather
  int direction = 0;
  int microbatch = 0;
  int node = 0;  // exchange: index of the node in the stage's graph
  Pass pass = Pass::forward;
  Hop hop = Hop::direct;  // exchange
  int source = 0;         // sender's rank
  std::uint8_t port = 0;  // activation, gradient: slot of the stage's port
  auto operator<=>(const Tag&) const = default;
};

std::string to_string(const Tag& tag);  // words for people, such as "dispatch gradients"

struct TensorMessage {
  Tag tag;
  Buffer payload;
  std::int64_t sent_ns = 0;     // by the sender's clock, when the op that made it was over
  std::int64_t arrives_ns = 0;  // on an emulated link: when the receiver may see it; else 0
};

struct Outgoing {
  int destination;
  TensorMessage message;
};

}  // namespace dsrun
