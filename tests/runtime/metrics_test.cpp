// What a run writes about itself: metrics lines, expert loads, the trace and the progress line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <set>

#include "runtime/metrics/metrics.hpp"
#include "runtime/metrics/progress.hpp"
#include "runtime/metrics/trace.hpp"
#include "runtime/state/storage_error.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

using nlohmann::json;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::HasSubstr;
using Loads = std::vector<std::vector<std::int64_t>>;

TEST(StepMetrics, have_the_names_that_readers_know) {
  StepMetrics metrics;
  metrics.step = 7;
  metrics.loss = 2.5;
  metrics.generation = 3;
  metrics.phases.idle = 0.125;
  const json line = to_json(metrics);
  for (const char* name : {"step", "loss", "tokens", "tokens_per_s", "grad_norm", "lr", "max_vio", "max_vio_global",
                           "bubble", "mfu", "generation"})
    EXPECT_TRUE(line.contains(name)) << name;
  EXPECT_EQ(line["step"], 7);
  EXPECT_EQ(line["loss"], 2.5);
  EXPECT_EQ(line["generation"], 3);
  EXPECT_EQ(line["idle_s"], 0.125);
  std::set<std::string> told;
  for (const MetricHelp& row : metric_table()) {
    EXPECT_TRUE(line.contains(std::string(row.name))) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_TRUE(told.insert(std::string(row.name)).second) << row.name << " is declared twice";
  }
  EXPECT_EQ(told.size(), line.size());
  EXPECT_EQ(to_json(ValidationMetrics{4, 1.5, {}}), (json{{"step", 4}, {"val_loss", 1.5}}));
}

TEST(Metrics, tell_the_loss_of_every_prediction_depth) {
  StepMetrics metrics;
  EXPECT_EQ(to_json(metrics)["mtp_loss"], json::array());
  metrics.mtp_loss = {2.5, 3.5};
  metrics.mtp_lambda = 0.25;
  EXPECT_EQ(to_json(metrics)["mtp_loss"], (json{2.5, 3.5}));
  EXPECT_EQ(to_json(metrics)["mtp_lambda"], 0.25);
  EXPECT_EQ(to_json(ValidationMetrics{4, 1.5, {2.0}})["val_mtp_loss"], json{2.0});
}

TEST(MaxVio, is_the_largest_load_over_the_mean_less_one) {
  EXPECT_DOUBLE_EQ(mean_max_vio({{4, 4, 4, 4}}), 0);
  EXPECT_DOUBLE_EQ(mean_max_vio({{2, 6, 4, 4}}), 0.5);
  EXPECT_DOUBLE_EQ(mean_max_vio({{16, 0, 0, 0}}), 3);
  EXPECT_DOUBLE_EQ(mean_max_vio({{2, 6, 4, 4}, {4, 4, 4, 4}}), 0.25);
  EXPECT_DOUBLE_EQ(mean_max_vio({}), 0);
  EXPECT_DOUBLE_EQ(mean_max_vio({{0, 0}}), 0);
}

TEST(LoadWindow, sums_the_last_steps_only) {
  LoadWindow window(2);
  EXPECT_DOUBLE_EQ(window.max_vio(), 0);
  window.add(Loads{{10, 0}});
  EXPECT_DOUBLE_EQ(window.max_vio(), 1);
  window.add(Loads{{0, 10}});
  EXPECT_DOUBLE_EQ(window.max_vio(), 0);  // opposite steps even out
  window.add(Loads{{0, 10}});
  EXPECT_DOUBLE_EQ(window.max_vio(), 1);  // the first is forgotten
  window.add(Loads{{10, 10}});
  EXPECT_DOUBLE_EQ(window.max_vio(), 20 / 15.0 - 1);
}

TEST(JsonLines, are_appended_one_object_a_line) {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  {
    JsonLines first(path);
    first.write({{"step", 1}});
    EXPECT_EQ(read_text(path), "{\"step\":1}\n");  // before it is closed
  }
  JsonLines(path).write({{"step", 2}, {"note", "a\nb"}});
  EXPECT_EQ(read_text(path), "{\"step\":1}\n{\"note\":\"a\\nb\",\"step\":2}\n");
  try {
    JsonLines lines(folder / "missing/metrics.jsonl");
    FAIL() << "wrote to a folder that is not there";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder / "missing/metrics.jsonl"));
  }
}

TEST(JsonLines, cut_off_the_half_line_of_a_crash) {
  const TemporaryFolder folder;
  const std::string path = folder / "events.jsonl";
  for (const char* before : {"{\"a\":1}\n{\"ev", "{\"a\":1}\n"}) {
    write_text(path, before);
    JsonLines(path).write({{"b", 2}});
    EXPECT_EQ(read_text(path), "{\"a\":1}\n{\"b\":2}\n");
  }
  write_text(path, "{\"never end");
  JsonLines(path).write({{"b", 2}});
  EXPECT_EQ(read_text(path), "{\"b\":2}\n");
}

TEST(JsonLines, hold_names_that_are_no_utf8) {
  const TemporaryFolder folder;
  JsonLines(folder / "events.jsonl").write({{"cause", "caf\xe9: no such file"}});
  EXPECT_EQ(json::parse(read_text(folder / "events.jsonl")).at("cause"), "caf\ufffd: no such file");
}

TEST(DropLinesAfter, leaves_what_will_not_be_made_again) {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  drop_lines_after(path, 3);  // nothing there: nothing to do
  EXPECT_FALSE(std::filesystem::exists(path));
  write_text(path,
             "{\"event\":\"start\"}\n{\"step\":2}\n{\"step\":3,\"loss\":1.50}\n{\"step\":4}\n{\"step\":30}\n{\"ste");
  drop_lines_after(path, 3);
  EXPECT_EQ(read_text(path), "{\"event\":\"start\"}\n{\"step\":2}\n{\"step\":3,\"loss\":1.50}\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  drop_lines_after(path, 0);
  EXPECT_EQ(read_text(path), "{\"event\":\"start\"}\n");
  write_text(path, "{\"step\":1}\n{\"step\":\"one\"}\n{\"step\":1.5}\n[1]\n\n");
  drop_lines_after(path, 3);
  EXPECT_EQ(read_text(path), "{\"step\":1}\n");
}

TEST(DropLinesAfter, leaves_the_file_when_it_cannot_be_replaced) {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  write_text(path, "{\"step\":4}\n");
  std::filesystem::create_directory(path + ".part");
  try {
    drop_lines_after(path, 3);
    FAIL() << "replaced it from where nothing can be written";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(path));
  }
  EXPECT_EQ(read_text(path), "{\"step\":4}\n");
}

DeviceSpan span(DeviceSpan::What what, Part part, std::int64_t start_ns, std::int64_t end_ns) {
  DeviceSpan made;
  made.what = what;
  made.op = Op::dispatch;
  made.pass = Pass::backward_input;
  made.part = part;
  made.layer = 3;
  made.microbatch = 2;
  made.start_ns = start_ns;
  made.end_ns = end_ns;
  return made;
}

TEST(Trace, is_json_with_named_lanes) {
  const TemporaryFolder folder;
  using What = DeviceSpan::What;
  {
    TraceWriter trace(folder / "trace.json");
    trace.add(0, span(What::op, Part::whole, 5'000'000, 5'002'500));
    trace.add(1, span(What::op, Part::start, 5'010'000, 5'011'000));
    DeviceSpan again = span(What::op, Part::start, 5'012'000, 5'013'000);
    again.pass = Pass::recompute;
    trace.add(1, again);
    trace.add(1, span(What::optimizer, Part::whole, 5'020'000, 5'021'000));
    trace.add(0, span(What::idle, Part::whole, 5'030'000, 5'031'000));
    trace.finish();
  }
  const json trace = json::parse(read_text(folder / "trace.json"));
  std::map<std::pair<int, int>, std::string> lanes;
  std::map<int, std::string> ranks;
  std::vector<std::string> spans, lanes_used;
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("name") == "process_name") ranks[event.at("pid")] = event.at("args").at("name");
    if (event.at("name") == "thread_name") {
      const std::string lane = event.at("args").at("name");
      EXPECT_TRUE(lanes.emplace(std::pair<int, int>(event.at("pid"), event.at("tid")), lane).second);
    }
    if (event.at("ph") != "X") continue;
    spans.push_back(event.at("name"));
    lanes_used.push_back(lanes.at({event.at("pid"), event.at("tid")}));
  }
  EXPECT_EQ(ranks, (std::map<int, std::string>{{0, "rank 0"}, {1, "rank 1"}}));
  EXPECT_EQ(lanes.size(), 10u);  // five a rank; a wire has a lane once it carries something
  EXPECT_EQ(spans, (std::vector<std::string>{"B dispatch", "B dispatch start", "B recompute dispatch start",
                                             "optimizer", "idle"}));
  EXPECT_EQ(lanes_used, (std::vector<std::string>{"compute", "exchange", "exchange", "optimizer", "idle"}));
  const json& last = trace.at("traceEvents").back();
  EXPECT_EQ(last.at("ts"), 30.0);  // microseconds from the first span
  EXPECT_EQ(last.at("dur"), 1.0);
  EXPECT_EQ(last.at("args"), (json{{"phase", 0}, {"microbatch", 2}, {"layer", 3}}));
}

TEST(Trace, without_spans_is_json_too) {
  const TemporaryFolder folder;
  TraceWriter(folder / "trace.json").finish();
  EXPECT_EQ(json::parse(read_text(folder / "trace.json")).at("traceEvents"), json::array());
  EXPECT_THROW(TraceWriter(folder / "missing/trace.json"), StorageError);
  EXPECT_THROW(TraceWriter("/dev/full").finish(), StorageError);
}

struct FakeClock : Clock {
  std::int64_t now_ns = 1'000'000'000;
  std::int64_t wall_ns() const override { return now_ns; }
  std::int64_t thread_cpu_ns() const override { return 0; }
};

// Runs steps of `step_ns` each and returns what was shown.
std::string shown(bool terminal, std::int64_t num_steps, std::int64_t step_ns) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  std::FILE* out = std::fopen(path.c_str(), "w");
  FakeClock clock;
  Progress progress(out, terminal, num_steps, clock);
  StepMetrics metrics;
  metrics.step_seconds = static_cast<double>(step_ns) * 1e-9;
  for (metrics.step = 1; metrics.step <= num_steps; ++metrics.step) {
    clock.now_ns += step_ns;
    progress.step(metrics);
  }
  progress.end();
  std::fclose(out);
  return read_text(path);
}

std::vector<std::string> first_words(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) words.push_back(line.substr(0, line.find("  ")));
  return words;
}

TEST(Progress, is_a_line_each_ten_seconds_without_a_terminal) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(first_words(shown(false, 35, 1'000'000'000)),
            (Lines{"step 1/35", "step 11/35", "step 21/35", "step 31/35", "step 35/35"}));
  EXPECT_EQ(first_words(shown(false, 3, 1'000)), (Lines{"step 1/3", "step 3/3"}));
  EXPECT_EQ(first_words(shown(false, 1, 1'000)), (Lines{"step 1/1"}));
  EXPECT_EQ(first_words(shown(false, 3, 60'000'000'000)), (Lines{"step 1/3", "step 2/3", "step 3/3"}));
  EXPECT_EQ(shown(false, 35, 1'000'000'000).find('\r'), std::string::npos);
}

TEST(Progress, rewrites_one_line_on_a_terminal) {
  const std::string text = shown(true, 3, 1'000'000'000);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 3);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
  // Too narrow a terminal must not break the line in two; each time it may wrap again afterwards.
  EXPECT_THAT(text, HasSubstr("\r\x1b[K\x1b[?7lstep 2/3 "));
  EXPECT_THAT(text, HasSubstr("ETA 0:01\x1b[?7h\r"));
  EXPECT_THAT(text, HasSubstr("ETA 0:00\x1b[?7h\n"));
}

TEST(Progress, foresees_the_end) {
  EXPECT_THAT(shown(false, 35, 1'000'000'000), HasSubstr("ETA 0:34\n"));  // after the first step: by its own time
  EXPECT_THAT(shown(false, 35, 1'000'000'000), HasSubstr("ETA 0:04\n"));
  EXPECT_THAT(shown(false, 3, 3'600'000'000'000), HasSubstr("ETA 2:00:00\n"));
  StepMetrics metrics;
  metrics.step = 120;
  metrics.loss = 2.134;
  metrics.tokens_per_s = 5210;
  metrics.grad_norm = 0.62;
  metrics.max_vio = 0.31;
  metrics.bubble = 0.04;
  EXPECT_EQ(format_progress(metrics, 300, 65),
            "step 120/300  loss 2.1340  5210 tok/s  grad 0.62  MaxVio 0.31  bubble 4 %  ETA 1:05");
  metrics.mtp_loss = {2.5, 3};
  EXPECT_THAT(format_progress(metrics, 300, 65), HasSubstr("loss 2.1340  MTP 2.5000 3.0000  5210 tok/s"));
}

TEST(Progress, notes_stand_on_lines_of_their_own) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  std::FILE* out = std::fopen(path.c_str(), "w");
  FakeClock clock;
  Progress progress(out, true, 9, clock);
  StepMetrics metrics;
  metrics.step = 1;
  progress.step(metrics);
  progress.note("validation loss 1.5");
  progress.note("again");
  progress.end();
  std::fclose(out);
  EXPECT_THAT(read_text(path), HasSubstr("ETA 0:00\x1b[?7h\nvalidation loss 1.5\nagain\n"));
}

}  // namespace
}  // namespace dsrun
