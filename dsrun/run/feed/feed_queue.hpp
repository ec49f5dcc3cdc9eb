// FeedQueue: the events that one listener has not heard yet. It is bounded, and who puts events in need not wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "actors/core/progressed.hpp"

namespace dsrun {

using FeedEvent = std::shared_ptr<const Progressed>;

enum class WhenFull : std::uint8_t {
  drop_oldest,  // the listener learns how many events it missed
  fail,         // no event may be missed, so the job ends
};

class FeedQueue {
 public:
  struct Next {
    std::int64_t num_missed = 0;  // events dropped just before this one
    FeedEvent event;
  };

  FeedQueue(std::size_t capacity, WhenFull when_full) : capacity_(capacity), when_full_(when_full) {}

  // Returns whether the queue took the event. A queue that may not drop waits up to `limit` for room.
  bool put(FeedEvent event, std::chrono::milliseconds limit);
  void close();  // after the last put()
  // Waits for an event; nullopt once the queue is closed and empty. Says that the event taken before has been heard.
  std::optional<Next> take();
  // Returns whether every event put in so far was heard within `limit`.
  bool wait_until_heard(std::chrono::milliseconds limit);

  std::size_t capacity() const { return capacity_; }
  WhenFull when_full() const { return when_full_; }

 private:
  const std::size_t capacity_;
  const WhenFull when_full_;
  std::mutex mutex_;
  std::condition_variable filled_, progressed_;
  std::deque<FeedEvent> events_;
  std::int64_t num_missed_ = 0;
  bool hearing_ = false;  // the listener is at an event
  bool closed_ = false;
};

}  // namespace dsrun
