#include "dsrun/run/feed/run_feed.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

using FeedClock = std::chrono::steady_clock;

constexpr std::chrono::seconds time_for_room{30};  // after the job
constexpr std::chrono::seconds time_for_destruction{30};
constexpr std::chrono::seconds time_to_show{2};  // what is left, at the close

}  // namespace

// A listener with its queue and what its thread leaves behind.
class RunFeed::Lane {
 public:
  explicit Lane(ListenerSlot slot)
      : queue_(slot.capacity, slot.when_full), listener_(std::move(slot.listener)), name_(listener_->name()) {}

  static void start(const std::shared_ptr<Lane>& lane) {
    lane->thread_ = std::thread([lane] { lane->run(); });
  }

  void put(const FeedEvent& event, std::chrono::milliseconds limit) {
    if (!queue_.put(event, limit)) fail(fmt::format("is {} events behind the job", queue_.capacity()));
  }

  void catch_up(std::chrono::milliseconds limit) {
    if (queue_.when_full() == WhenFull::drop_oldest || queue_.wait_until_heard(limit)) return;
    fail(fmt::format("is still behind the job after {:.0f} s", std::chrono::duration<double>(limit).count()));
  }

  void close() { queue_.close(); }

  // Whether the listener came to its end; after that its thread is gone.
  bool join(FeedClock::time_point until) {
    if (queue_.when_full() == WhenFull::drop_oldest) until = std::min(until, FeedClock::now() + time_to_show);
    const bool ended = ended_.get_future().wait_until(until) == std::future_status::ready;
    if (ended) {
      thread_.join();
    } else {
      thread_.detach();
      fail("has not taken its last events in time");
    }
    return ended;
  }

  std::exception_ptr take_failure() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failure_, nullptr);
  }

 private:
  void run() {
    while (const std::optional<FeedQueue::Next> next = queue_.take())
      guarded([&] {
        if (next->num_missed > 0) listener_->gap(next->num_missed);
        listener_->hear(*next->event);
      });
    guarded([&] { listener_->end(); });
    ended_.set_value();
  }

  void guarded(const std::function<void()>& call) {
    try {
      call();
    } catch (...) {
      keep(std::current_exception());
    }
  }

  void fail(const std::string& what) { keep(std::make_exception_ptr(StorageError(name_ + " " + what))); }

  // The first failure of a listener counts. One that may miss events cannot harm the job.
  void keep(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (queue_.when_full() == WhenFull::drop_oldest || std::exchange(has_failed_, true)) return;
    failure_ = std::move(failure);
  }

  FeedQueue queue_;
  std::shared_ptr<RunListener> listener_;
  const std::string name_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  bool has_failed_ = false;
  std::promise<void> ended_;
  std::thread thread_;
};

RunFeed::~RunFeed() {
  try {
    close(time_for_destruction);
  } catch (const std::exception&) {  // whoever destroys an open feed has a failure to report already
  }
}

void RunFeed::add(ListenerSlot slot) {
  lanes_.push_back(std::make_shared<Lane>(std::move(slot)));
  Lane::start(lanes_.back());
}

void RunFeed::publish(Progressed progress) {
  const auto event = std::make_shared<const Progressed>(std::move(progress));
  const std::chrono::milliseconds limit = job_finished_ ? time_for_room : std::chrono::seconds(0);
  for (const auto& lane : lanes_) lane->put(event, limit);
  job_finished_ = job_finished_ || std::holds_alternative<JobFinished>(*event);
  if (!job_finished_) rethrow_failure();
}

void RunFeed::catch_up(std::chrono::milliseconds limit) {
  for (const auto& lane : lanes_) lane->catch_up(limit);
  rethrow_failure();
}

void RunFeed::close(std::chrono::milliseconds limit) {
  if (std::exchange(closed_, true)) return;
  const auto until = FeedClock::now() + limit;
  for (const auto& lane : lanes_) lane->close();
  for (const auto& lane : lanes_) all_ended_ = lane->join(until) && all_ended_;
  rethrow_failure();
}

void RunFeed::rethrow_failure() {
  for (const auto& lane : lanes_)
    if (const std::exception_ptr failure = lane->take_failure()) std::rethrow_exception(failure);
}

}  // namespace dsrun
