// RunFeed: whoever listens, slowly, not at all or in vain, the job goes on or ends as it should.
#include "dsrun/run/feed/run_feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/state/storage_error.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::int64_t gap_mark = -1, end_mark = -2;

// Notes the steps that it hears, a gap as its mark and its size, and the end.
class Notebook : public RunListener {
 public:
  explicit Notebook(std::function<void(std::int64_t step)> on_step = {}) : on_step_(std::move(on_step)) {}
  std::string name() const override { return "the notebook"; }
  void hear(const Progressed& progress) override {
    const auto* step = std::get_if<StepFinished>(&progress);
    if (step == nullptr) return;
    noted.push_back(step->metrics.step);
    if (on_step_) on_step_(step->metrics.step);
  }
  void gap(std::int64_t num_missed) override { noted.insert(noted.end(), {gap_mark, num_missed}); }
  void end() override { noted.push_back(end_mark); }

  std::vector<std::int64_t> noted;  // to be read after close()

 private:
  std::function<void(std::int64_t)> on_step_;
};

// Holds a listener at its first step until it is opened.
class Gate {
 public:
  ~Gate() { open(); }
  void open() {
    if (!std::exchange(is_open_, true)) promises_->opened.set_value();
  }
  auto blocker() {
    return [promises = promises_, opened = promises_->opened.get_future().share()](std::int64_t step) {
      if (step != 1) return;
      promises->reached.set_value();
      opened.wait();
    };
  }
  void wait_until_reached() { promises_->reached.get_future().wait(); }

 private:
  struct Promises {
    std::promise<void> opened, reached;
  };
  bool is_open_ = false;
  std::shared_ptr<Promises> promises_ = std::make_shared<Promises>();  // a listener may outlive the gate
};

Progressed step(std::int64_t number) {
  StepFinished finished;
  finished.metrics.step = number;
  return finished;
}

std::string failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const StorageError& error) {
    return error.what();
  }
  return "";
}

TEST(RunFeed, every_listener_hears_every_event_in_order) {
  const auto first = std::make_shared<Notebook>(), second = std::make_shared<Notebook>();
  RunFeed feed;
  feed.add({first, WhenFull::fail, 10000});
  feed.add({second, WhenFull::drop_oldest, 10000});
  std::vector<std::int64_t> published;
  for (std::int64_t number = 1; number <= 2000; ++number) {
    feed.publish(step(number));
    published.push_back(number);
  }
  feed.close(1min);
  published.push_back(end_mark);
  EXPECT_TRUE(feed.all_ended());
  EXPECT_EQ(first->noted, published);
  EXPECT_EQ(second->noted, published);
}

// Were publish() to wait for the listener, this test would never end.
TEST(RunFeed, a_listener_that_blocks_for_ever_delays_nobody) {
  Gate gate;
  const auto stuck = std::make_shared<Notebook>(gate.blocker()), awake = std::make_shared<Notebook>();
  RunFeed feed;
  feed.add({stuck, WhenFull::drop_oldest, 4});
  feed.add({awake, WhenFull::fail, 1000});
  feed.publish(step(1));
  gate.wait_until_reached();
  for (std::int64_t number = 2; number <= 1000; ++number) feed.publish(step(number));
  feed.close(1min);
  EXPECT_FALSE(feed.all_ended());
  EXPECT_THAT(awake->noted, SizeIs(1001));
}

TEST(RunFeed, a_slow_listener_learns_how_many_events_it_missed) {
  Gate gate;
  const auto slow = std::make_shared<Notebook>(gate.blocker());
  RunFeed feed;
  feed.add({slow, WhenFull::drop_oldest, 3});
  feed.publish(step(1));
  gate.wait_until_reached();
  for (std::int64_t number = 2; number <= 9; ++number) feed.publish(step(number));
  gate.open();
  feed.close(1min);
  EXPECT_THAT(slow->noted, ElementsAre(1, gap_mark, 5, 7, 8, 9, end_mark));
}

TEST(RunFeed, a_recorder_that_fails_ends_the_job_in_its_own_words) {
  const auto recorder = std::make_shared<Notebook>([](std::int64_t number) {
    if (number == 2) throw StorageError("cannot write metrics.jsonl");
  });
  RunFeed feed;
  feed.add({recorder, WhenFull::fail, 1000});
  feed.publish(step(1));
  const std::string failure = failure_of([&] {
    feed.publish(step(2));  // the recorder may be as quick as this
    feed.catch_up(1min);
  });
  EXPECT_EQ(failure, "cannot write metrics.jsonl");
  EXPECT_EQ(failure_of([&] { feed.publish(step(3)); }), "");  // a failure is thrown once
  feed.publish(JobFinished{Outcome::storage_failed, "cannot write metrics.jsonl"});
  feed.close(1min);
  EXPECT_THAT(recorder->noted, ElementsAre(1, 2, 3, end_mark));  // what can be recorded still is
}

TEST(RunFeed, publishing_throws_what_a_recorder_threw_before) {
  RunFeed feed;
  feed.add({std::make_shared<Notebook>([](std::int64_t) { throw StorageError("the disk is full"); }), WhenFull::fail});
  std::string failure;
  for (std::int64_t number = 1; failure.empty() && number <= 10000; ++number) {
    failure = failure_of([&] { feed.publish(step(number)); });
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(failure, "the disk is full");
}

TEST(RunFeed, a_failure_at_the_last_event_comes_out_at_the_close) {
  RunFeed feed;
  feed.add({std::make_shared<Notebook>([](std::int64_t) { throw StorageError("the disk is full"); }), WhenFull::fail});
  feed.publish(JobFinished{});
  feed.publish(step(1));  // after the end nobody is there to hear of a failure
  EXPECT_EQ(failure_of([&] { feed.close(1min); }), "the disk is full");
  EXPECT_TRUE(feed.all_ended());
}

TEST(RunFeed, a_recorder_that_is_a_whole_queue_behind_ends_the_job) {
  Gate gate;
  const auto recorder = std::make_shared<Notebook>(gate.blocker());
  RunFeed feed;
  feed.add({recorder, WhenFull::fail, 4});
  feed.publish(step(1));
  gate.wait_until_reached();
  for (std::int64_t number = 2; number <= 5; ++number) feed.publish(step(number));
  EXPECT_THAT(failure_of([&] { feed.publish(step(6)); }), HasSubstr("the notebook is 4 events behind"));
  gate.open();
  feed.close(1min);
  EXPECT_THAT(recorder->noted, ElementsAre(1, 2, 3, 4, 5, end_mark));
}

TEST(RunFeed, catching_up_waits_for_recorders_alone) {
  Gate gate;
  const auto display = std::make_shared<Notebook>(gate.blocker());
  const auto recorder = std::make_shared<Notebook>([](std::int64_t) { std::this_thread::sleep_for(2ms); });
  std::atomic<std::int64_t> heard{0};
  const auto counter = std::make_shared<Notebook>([&](std::int64_t) {
    std::this_thread::sleep_for(2ms);
    ++heard;
  });
  RunFeed feed;
  feed.add({display, WhenFull::drop_oldest, 100});
  feed.add({recorder, WhenFull::fail, 1000});
  feed.add({counter, WhenFull::fail, 1000});
  for (std::int64_t number = 1; number <= 20; ++number) feed.publish(step(number));
  feed.catch_up(1min);
  EXPECT_EQ(heard, 20);
}

TEST(RunFeed, a_recorder_that_hangs_is_not_waited_for_without_end) {
  Gate gate;
  RunFeed feed;
  feed.add({std::make_shared<Notebook>(gate.blocker()), WhenFull::fail, 1000});
  feed.publish(step(1));
  EXPECT_THAT(failure_of([&] { feed.catch_up(50ms); }), HasSubstr("the notebook is still behind the job"));
  gate.open();
}

TEST(RunFeed, what_a_display_throws_harms_nobody) {
  const auto recorder = std::make_shared<Notebook>();
  const auto display = std::make_shared<Notebook>([](std::int64_t) { throw std::runtime_error("no terminal"); });
  RunFeed feed;
  feed.add({display});
  feed.add({recorder, WhenFull::fail, 1000});
  for (std::int64_t number = 1; number <= 3; ++number) feed.publish(step(number));
  feed.close(1min);
  EXPECT_THAT(display->noted, ElementsAre(1, 2, 3, end_mark));
  EXPECT_THAT(recorder->noted, ElementsAre(1, 2, 3, end_mark));
}

}  // namespace
}  // namespace dsrun::test
