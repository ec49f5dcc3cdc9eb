// RunRecorder: what stands in metrics.jsonl and events.jsonl, and what a file that cannot be written does.
#include "dsrun/run/feed/run_recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <sstream>

#include "runtime/state/storage_error.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun::test {
namespace {

nlohmann::json last_line_of(const std::string& path) {
  std::istringstream lines(read_text(path));
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line;
  return nlohmann::json::parse(last);
}

TEST(RunRecorder, the_fault_behind_a_failed_job_can_be_read_by_a_program) {
  const TemporaryFolder folder;
  RunRecorder recorder(folder.path());
  DeviceFault fault;
  fault.rank = 3;
  fault.cause = FaultCause::process_ended;
  fault.host = "beta";
  fault.detail = "killed by signal 9";
  recorder.hear(JobFinished{Outcome::failed, "rank 3: its process on host beta: killed by signal 9", fault});
  const nlohmann::json event = last_line_of(folder / "events.jsonl");
  EXPECT_EQ(event.at("event"), "fault");
  EXPECT_EQ(event.at("cause"), "rank 3: its process on host beta: killed by signal 9");
  EXPECT_EQ(event.at("fault"), (nlohmann::json{{"lost", "rank"},
                                               {"rank", 3},
                                               {"cause", "process_ended"},
                                               {"host", "beta"},
                                               {"detail", "killed by signal 9"}}));
}

TEST(RunRecorder, a_file_that_cannot_be_written_is_named) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "metrics.jsonl");
  RunRecorder recorder(folder.path());
  recorder.event("started", 0);
  try {
    recorder.hear(StepFinished{});
    ADD_FAILURE() << "a full disk was not noticed";
  } catch (const StorageError& error) {
    EXPECT_EQ(error.what(), "cannot write " + folder / "metrics.jsonl");
  }
}

}  // namespace
}  // namespace dsrun::test
