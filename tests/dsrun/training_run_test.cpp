// Whole runs by dsrun/run alone, in this process: no program, no command line, no signals.
#include "dsrun/run/training_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "dsl/parse.hpp"
#include "runtime/state/storage_error.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

constexpr const char* job_text = R"([job]
name = "by-the-library"
steps = 4
[model]
layers = 2
dense_layers = 1
hidden = 16
heads = 2
q_rank = 8
kv_rank = 8
nope_dim = 4
rope_dim = 4
value_dim = 4
experts = 4
experts_per_token = 2
expert_groups = 2
groups_per_token = 1
expert_hidden = 8
dense_hidden = 16
vocab = "byte"
[batch]
sequences = 2
length = 8
[data]
files = ["words.txt"]
[precision]
compute = "fp64"
[[cluster.node]]
kind = "cpu"
devices = 1
)";

class TrainingRun : public testing::Test {
 protected:
  TrainingRun() {
    std::string words;
    while (words.size() < 20000) words += "in the beginning was the word ";
    write_text(folder_ / "words.txt", words);
  }

  Job job(const std::vector<std::string>& overrides = {}) const {
    ParseResult parsed = parse_job_text(job_text, "job.toml", overrides, folder_.path());
    EXPECT_TRUE(parsed.job) << render(parsed.faults, false);
    return std::move(*parsed.job);
  }
  RunOptions options(FolderFlags flags = {}) {
    return {folder_ / "run", "", flags, [this](const std::string& line) { said_.push_back(line); }};
  }
  RunResult run(const std::vector<std::string>& overrides, const std::vector<ListenerSlot>& listeners = {}) {
    JobControl control;
    auto result = run_in_folder(job(overrides), options(), control, listeners);
    EXPECT_TRUE(std::holds_alternative<RunResult>(result));
    return std::get<RunResult>(std::move(result));
  }
  std::string text_of(const std::string& name) const { return read_text(folder_ / "run/" + name); }
  int num_steps() const {
    const std::string text = text_of("metrics.jsonl");
    int count = 0;
    for (std::size_t at = 0; (at = text.find("\"loss\":", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  bool has_checkpoint() const {
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "run/checkpoints", none))
      if (entry.path().filename() == "manifest.json") return true;
    return false;
  }

  TemporaryFolder folder_;
  std::vector<std::string> said_;
};

class StepListener : public RunListener {
 public:
  explicit StepListener(std::function<void(std::int64_t step)> on_step) : on_step_(std::move(on_step)) {}
  std::string name() const override { return "the test's listener"; }
  void hear(const Progressed& progress) override {
    if (const auto* step = std::get_if<StepFinished>(&progress)) on_step_(step->metrics.step);
  }

 private:
  std::function<void(std::int64_t)> on_step_;
};

TEST_F(TrainingRun, a_job_runs_records_itself_and_continues_without_the_program) {
  const RunResult first = run({});
  EXPECT_EQ(first.outcome.outcome, Outcome::completed) << first.outcome.cause;
  EXPECT_EQ(first.exit_code(0), exit_done);
  EXPECT_FALSE(first.must_exit);
  EXPECT_THAT(first.summary, HasSubstr("speed: "));
  EXPECT_EQ(num_steps(), 4);
  EXPECT_THAT(text_of("events.jsonl"), HasSubstr(R"("event":"completed")"));
  EXPECT_TRUE(has_checkpoint());

  const RunResult again = run({});
  EXPECT_EQ(again.exit_code(0), exit_done);
  EXPECT_EQ(again.summary, "");
  EXPECT_THAT(said_, Contains(HasSubstr("is complete")));

  JobControl control;
  const auto refused = run_in_folder(job({"job.steps=6"}), options(), control);
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).exit_code, exit_usage);
  const auto resumed = run_in_folder(job({"job.steps=6"}), options({.resume = true}), control);
  ASSERT_TRUE(std::holds_alternative<RunResult>(resumed));
  EXPECT_EQ(std::get<RunResult>(resumed).outcome.steps, 6);
  EXPECT_EQ(num_steps(), 6);
}

TEST_F(TrainingRun, a_listener_that_blocks_for_ever_does_not_hold_up_the_job) {
  std::promise<void> release;
  const auto released = release.get_future().share();
  const auto stuck = std::make_shared<StepListener>([released](std::int64_t) { released.wait(); });
  const RunResult result = run({}, {{stuck, WhenFull::drop_oldest, 2}});
  EXPECT_EQ(result.outcome.outcome, Outcome::completed) << result.outcome.cause;
  EXPECT_TRUE(result.must_exit);
  EXPECT_EQ(num_steps(), 4);
  release.set_value();
}

TEST_F(TrainingRun, a_listener_that_may_not_miss_events_and_fails_ends_the_job_as_storage) {
  const auto failing = std::make_shared<StepListener>([](std::int64_t step) {
    if (step == 2) throw StorageError("cannot write the log: no space left");
  });
  const RunResult result = run({"job.steps=1000000"}, {{failing, WhenFull::fail, 100}});
  EXPECT_EQ(result.outcome.outcome, Outcome::storage_failed);
  EXPECT_EQ(result.outcome.cause, "cannot write the log: no space left");
  EXPECT_EQ(result.exit_code(0), exit_storage);
  EXPECT_THAT(text_of("events.jsonl"), HasSubstr("no space left"));
}

TEST_F(TrainingRun, R1_a_checkpoint_counts_once_its_steps_are_recorded) {
  std::promise<void> reached, release;
  const auto released = release.get_future().share();
  const auto slow = std::make_shared<StepListener>([&reached, released](std::int64_t step) {
    if (step != 2) return;
    reached.set_value();
    released.wait();
  });
  auto running = std::async(std::launch::async, [&] {
    return run({"job.checkpoint_every_steps=2"}, {{slow, WhenFull::fail, 100}}).outcome.outcome;
  });
  reached.get_future().wait();
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(has_checkpoint());
  release.set_value();
  EXPECT_EQ(running.get(), Outcome::completed);
  EXPECT_TRUE(has_checkpoint());
}

}  // namespace
}  // namespace dsrun::test
