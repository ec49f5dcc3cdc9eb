// What a rank sends to others in one round, counted when it sends; cluster/traffic/traffic.hpp predicts the same
// figures.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/device/message.hpp"

namespace dsrun {

enum class Way : std::uint8_t { inside_node, between_nodes };

struct SentTraffic {
  struct OneWay {
    std::int64_t pipeline = 0;         // bytes of activations and their gradients
    std::int64_t expert = 0;           // bytes of exchange_counts, dispatch, combine and their gradients
    std::int64_t synchronisation = 0;  // bytes of gradient and weight shards
    std::int64_t expert_rows = 0;      // rows of dispatch, combine and their gradients
    bool operator==(const OneWay&) const = default;
  };
  std::array<OneWay, 2> ways;

  const OneWay& operator[](Way way) const { return ways[static_cast<std::size_t>(way)]; }
  void add(Traffic traffic, Way way, std::int64_t num_bytes) {
    OneWay& of = ways[static_cast<std::size_t>(way)];
    switch (traffic) {
      case Traffic::activation:
      case Traffic::gradient:
        of.pipeline += num_bytes;
        break;
      case Traffic::exchange:
        of.expert += num_bytes;
        break;
      case Traffic::reduce:
      case Traffic::all_gather:
        of.synchronisation += num_bytes;
        break;
    }
  }
  void add_rows(Way way, std::int64_t num_rows) { ways[static_cast<std::size_t>(way)].expert_rows += num_rows; }
  SentTraffic& operator+=(const SentTraffic& other) {
    for (std::size_t way = 0; way < ways.size(); ++way) {
      ways[way].pipeline += other.ways[way].pipeline;
      ways[way].expert += other.ways[way].expert;
      ways[way].synchronisation += other.ways[way].synchronisation;
      ways[way].expert_rows += other.ways[way].expert_rows;
    }
    return *this;
  }
};

}  // namespace dsrun
