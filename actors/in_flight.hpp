// InFlight: messages that an emulated link has not let arrive yet, held by their receiver.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/device/message.hpp"

namespace dsrun {

class InFlight {
 public:
  bool empty() const { return heap_.empty(); }
  std::int64_t next_arrival_ns() const { return heap_.front().arrives_ns; }  // precondition: !empty()

  void add(TensorMessage message) {
    heap_.push_back(std::move(message));
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // Takes out the earliest message that has arrived by `now_ns`.
  std::optional<TensorMessage> take_arrived(std::int64_t now_ns) {
    if (heap_.empty() || heap_.front().arrives_ns > now_ns) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    std::optional<TensorMessage> message = std::move(heap_.back());
    heap_.pop_back();
    return message;
  }

 private:
  static bool later(const TensorMessage& a, const TensorMessage& b) { return a.arrives_ns > b.arrives_ns; }
  std::vector<TensorMessage> heap_;  // the next to arrive in front
};

}  // namespace dsrun
