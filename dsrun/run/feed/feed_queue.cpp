#include "dsrun/run/feed/feed_queue.hpp"

#include <utility>

namespace dsrun {

bool FeedQueue::put(FeedEvent event, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const auto has_room = [this] { return events_.size() < capacity_; };
  if (!has_room() && when_full_ == WhenFull::drop_oldest) {
    events_.pop_front();
    ++num_missed_;
  }
  if (!has_room() && (limit.count() == 0 || !progressed_.wait_for(lock, limit, has_room))) return false;
  events_.push_back(std::move(event));
  filled_.notify_one();
  return true;
}

void FeedQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  filled_.notify_one();
}

std::optional<FeedQueue::Next> FeedQueue::take() {
  std::unique_lock lock(mutex_);
  hearing_ = false;
  progressed_.notify_all();
  filled_.wait(lock, [this] { return closed_ || !events_.empty(); });
  if (events_.empty()) return std::nullopt;
  Next next{std::exchange(num_missed_, 0), std::move(events_.front())};
  events_.pop_front();
  hearing_ = true;
  progressed_.notify_all();
  return next;
}

bool FeedQueue::wait_until_heard(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return progressed_.wait_for(lock, limit, [this] { return events_.empty() && !hearing_; });
}

}  // namespace dsrun
