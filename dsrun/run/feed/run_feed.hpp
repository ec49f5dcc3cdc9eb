// RunFeed: passes what a running job reports to any number of listeners, none of which can hold up the job.
//
// Each listener has a bounded queue and a thread (docs/decisions/0018). A listener for display may miss events and
// learns how many. A listener that records may not: if it fails or falls a whole queue behind, the job ends.
//
// To add a listener, derive from RunListener and put it into the ListenerSlots that run_prepared() takes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/core/progressed.hpp"
#include "dsrun/run/feed/feed_queue.hpp"

namespace dsrun {

// All calls but name() come from one thread, in the order of the events.
class RunListener {
 public:
  virtual ~RunListener() = default;
  virtual std::string name() const = 0;  // for messages: "runs/tiny/metrics.jsonl"; asked by add()
  virtual void hear(const Progressed& progress) = 0;
  virtual void gap(std::int64_t /*num_missed*/) {}  // events that were dropped before the next one
  virtual void end() {}                             // no event follows
};

struct ListenerSlot {
  std::shared_ptr<RunListener> listener;
  WhenFull when_full = WhenFull::drop_oldest;
  std::size_t capacity = 1024;  // events
};

// One thread at a time calls add(), publish() and close(); another may call catch_up().
class RunFeed {
 public:
  RunFeed() = default;
  ~RunFeed();  // closes without a word
  RunFeed(const RunFeed&) = delete;
  RunFeed& operator=(const RunFeed&) = delete;

  void add(ListenerSlot slot);

  // Until JobFinished is published, never waits, and throws the first failure of a listener that may not miss events.
  // Afterwards waits for room where nothing may be dropped, and leaves failures to close().
  void publish(Progressed progress);

  // Waits until the listeners that may not miss events have heard all of them, at most for `limit` each. Throws a
  // failure that publish() has not thrown.
  void catch_up(std::chrono::milliseconds limit);

  // Lets all listeners hear the rest, at most for `limit`. Throws a failure that publish() has not thrown.
  void close(std::chrono::milliseconds limit);
  // After close(): false if the thread of a listener goes on, so that the process has to end without cleanup.
  bool all_ended() const { return all_ended_; }

 private:
  class Lane;
  void rethrow_failure();

  std::vector<std::shared_ptr<Lane>> lanes_;  // each shared with its thread
  bool job_finished_ = false;
  bool closed_ = false;
  bool all_ended_ = true;
};

}  // namespace dsrun
