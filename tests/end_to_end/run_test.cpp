// The command itself, as a user meets it: exit codes, signals, what it leaves behind and how it goes on from there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <map>
#include <thread>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

// The step records of a run, without what depends on the machine.
std::vector<json> numbers(const std::filesystem::path& run) {
  std::vector<json> records;
  for (const json& record : read_json_lines(run / "metrics.jsonl")) {
    if (record.contains("val_loss"))
      records.push_back({{"step", record.at("step")}, {"val_loss", record.at("val_loss")}});
    else
      records.push_back({{"step", record.at("step")},
                         {"loss", record.at("loss")},
                         {"tokens", record.at("tokens")},
                         {"grad_norm", record.at("grad_norm")},
                         {"lr", record.at("lr")},
                         {"max_vio", record.at("max_vio")}});
  }
  return records;
}

// Every byte of the newest checkpoint's shards, by file name.
std::map<std::string, std::string> newest_shards(const std::filesystem::path& run) {
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints"))
    if (entry.is_directory() && entry.path() > newest) newest = entry.path();
  std::map<std::string, std::string> shards;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(newest))
    if (entry.is_regular_file() && entry.path().filename().string().find("manifest") == std::string::npos)
      shards[entry.path().filename().string()] = read_text(entry.path());
  return shards;
}

std::size_t num_steps(const std::filesystem::path& run) {
  std::size_t count = 0;
  const std::string text = read_text(run / "metrics.jsonl");
  for (std::size_t at = 0; (at = text.find("\"loss\":", at)) != std::string::npos; ++at) ++count;
  return count;
}

void wait_for_steps(Program& program, const std::filesystem::path& run, std::size_t count) {
  for (int i = 0; i < 12000 && program.running() && num_steps(run) < count; ++i) std::this_thread::sleep_for(5ms);
}

class Run : public testing::Test {
 protected:
  JobFolder folder_;
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
};

TEST_F(Run, trains_and_leaves_metrics_events_and_the_job_as_run) {
  const Finished run = folder_.run("run", {"--trace", at("trace.json").string()});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::vector<std::int64_t> steps, validations;
  for (const json& record : read_json_lines(at("run") / "metrics.jsonl")) {
    if (record.contains("val_loss")) {
      validations.push_back(record.at("step"));
      continue;
    }
    steps.push_back(record.at("step"));
    for (const char* key :
         {"loss", "tokens", "tokens_per_s", "grad_norm", "lr", "max_vio", "max_vio_global", "bubble", "generation"})
      EXPECT_TRUE(record.contains(key)) << key;
    EXPECT_EQ(record.at("tokens"), 16 * 32);
  }
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(validations, (std::vector<std::int64_t>{3, 6}));
  EXPECT_FALSE(read_json_lines(at("run") / "events.jsonl").empty());
  EXPECT_EQ(Program({"check", (at("run") / "job.toml").string()}, folder_.path()).wait().exit_code, 0);

  for (const char* words :
       {"tokens/s", "idle", "time by instruction", "planned / measured", "expert load", "coordinator and messaging"})
    EXPECT_THAT(run.out, HasSubstr(words));

  const json trace = json::parse(read_text(at("trace.json")));
  const json& events = trace.is_array() ? trace : trace.at("traceEvents");
  EXPECT_GT(events.size(), 100U);
  EXPECT_TRUE(
      std::any_of(events.begin(), events.end(), [](const json& event) { return event.value("ph", "") == "X"; }));
}

TEST_F(Run, N2_runs_twice_to_the_same_bits) {
  ASSERT_EQ(folder_.run("a").exit_code, 0);
  ASSERT_EQ(folder_.run("b").exit_code, 0);
  EXPECT_EQ(numbers(at("a")), numbers(at("b")));
  EXPECT_EQ(newest_shards(at("a")), newest_shards(at("b")));
}

TEST_F(Run, ctrl_c_saves_within_a_step_and_the_next_run_goes_on_to_the_same_bits) {
  const std::vector<std::string> steps = {"--set", "job.steps=40"};
  ASSERT_EQ(folder_.run("whole", steps).exit_code, 0);

  Program program(folder_.arguments("run", steps), folder_.path());
  wait_for_steps(program, at("run"), 3);
  const std::size_t before = num_steps(at("run"));
  program.send(SIGINT);
  const Finished stopped = program.wait();
  ASSERT_EQ(stopped.exit_code, 75) << stopped.err;
  const std::size_t made = num_steps(at("run"));
  EXPECT_LT(made, 40U);
  EXPECT_LE(made, before + 2);  // the running step, and one that ended while the signal came

  const Finished resumed = folder_.run("run", steps);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming"));
  EXPECT_EQ(numbers(at("run")), numbers(at("whole")));
  EXPECT_EQ(newest_shards(at("run")), newest_shards(at("whole")));
}

// The order of samples goes on though the batch is another: steps 4 and 5 of the second run see what came next.
TEST_F(Run, D1_a_run_resumed_with_another_batch_goes_on_in_the_order_of_samples) {
  ASSERT_EQ(folder_.run("run", {"--set", "job.steps=4"}).exit_code, 0);
  const Finished resumed = folder_.run("run", {"--set", "job.steps=6", "--set", "batch.sequences=32", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(at("run") / "checkpoints"))
    newest = std::max(newest, entry.path());
  const json manifest = json::parse(read_text(newest / "manifest.json"));
  EXPECT_EQ(manifest.at("body").at("state").at("samples"), 4 * 16 + 2 * 32);
}

TEST_F(Run, a_killed_run_goes_on_from_its_checkpoint_to_the_same_bits) {
  const std::vector<std::string> options = {"--set", "job.steps=40", "--set", "job.checkpoint_every_steps=4"};
  ASSERT_EQ(folder_.run("whole", options).exit_code, 0);
  Program program(folder_.arguments("run", options), folder_.path());
  wait_for_steps(program, at("run"), 10);
  program.send(SIGKILL);
  EXPECT_EQ(program.wait().exit_code, 137);

  auto recomputing = options;  // what is kept in between shapes no number
  recomputing.insert(recomputing.end(), {"--set", "memory.recompute=full"});
  const Finished resumed = folder_.run("run", recomputing);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming"));
  EXPECT_EQ(numbers(at("run")), numbers(at("whole")));
  EXPECT_EQ(newest_shards(at("run")), newest_shards(at("whole")));
}

TEST_F(Run, a_second_signal_ends_without_a_checkpoint) {
  Program program(folder_.arguments("run", {"--set", "job.steps=100000"}), folder_.path());
  wait_for_steps(program, at("run"), 1);
  program.send(SIGTERM);
  program.send(SIGINT);
  EXPECT_THAT(program.wait().exit_code, testing::AnyOf(130, 143));  // both wait to be read: the kernel orders them
}

TEST_F(Run, usr1_saves_and_goes_on) {
  Program program(folder_.arguments("run", {"--set", "job.steps=100000"}), folder_.path());
  wait_for_steps(program, at("run"), 2);
  program.send(SIGUSR1);
  const auto saves = [&] {
    const std::string events = read_text(at("run") / "events.jsonl");
    return events.find("checkpoint") != std::string::npos;
  };
  for (int i = 0; i < 2000 && !saves(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(saves());
  const std::size_t then = num_steps(at("run"));
  wait_for_steps(program, at("run"), then + 2);
  EXPECT_TRUE(program.running());
  program.send(SIGINT);
  EXPECT_EQ(program.wait().exit_code, 75);
}

TEST_F(Run, another_job_in_the_folder_is_refused_with_the_two_flags) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  Finished refused = folder_.run("run", {"--set", "job.steps=9"});
  EXPECT_EQ(refused.exit_code, 64);
  for (const char* words : {"job.steps", "--resume", "--restart"}) EXPECT_THAT(refused.err, HasSubstr(words));
  refused = folder_.run("run", {"--set", "optimizer.moments=bf16", "--set", "optimizer.decay_tokens=900", "--resume"});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("keys differ: optimizer.moments\n"));  // decay_tokens may change
  refused = folder_.run("run", {"--set", "model.dense_hidden=64", "--resume"});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("model.dense_hidden"));
  EXPECT_EQ(num_steps(at("run")), 6U);  // nothing was touched

  const Finished resumed =
      folder_.run("run", {"--set", "job.steps=9", "--set", "optimizer.decay_tokens=900", "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(num_steps(at("run")), 9U);

  const Finished restarted = folder_.run("run", {"--set", "model.dense_hidden=64", "--restart"});
  EXPECT_EQ(restarted.exit_code, 0) << restarted.err;
  EXPECT_EQ(num_steps(at("run")), 6U);
  EXPECT_EQ(num_steps(at("run.1")), 9U);  // the old one, moved away
}

TEST_F(Run, an_emulated_link_may_change_from_one_run_to_the_next) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  const Finished resumed =
      folder_.run("run", {"--set", "job.steps=8", "--resume", "--set", "cluster.link.latency_us=50"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("emulating a link between devices: 50 us, no limit"));
  EXPECT_THAT(read_text(at("run") / "job.toml"), HasSubstr("[cluster.link]\nlatency_us = 50.0\ngb_per_s = 0.0\n"));
  EXPECT_EQ(num_steps(at("run")), 8U);
}

TEST_F(Run, a_complete_run_has_nothing_left_to_do) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  const auto before = numbers(at("run"));
  const Finished again = folder_.run("run");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(numbers(at("run")), before);
}

TEST_F(Run, faults_of_the_job_and_its_text_are_told_before_launch) {
  Finished run = folder_.run("run", {"--set", "parallel.expert=3"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("expert"));
  run = folder_.run("run", {"--set", "model.vocab=1000"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("byte"));
  run = folder_.run("run", {"--set", "data.files=[\"nowhere/*.txt\"]"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("nowhere"));
  folder_.write("empty.txt", "");
  run = folder_.run("run", {"--set", "data.strict=true"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("empty.txt"));
  EXPECT_FALSE(std::filesystem::exists(at("run")));
}

TEST_F(Run, too_little_memory_is_refused_before_launch) {
  const Finished run = folder_.run("run", {"--set", "model.hidden=16384", "--set", "model.dense_hidden=262144", "--set",
                                           "model.expert_hidden=262144"});
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.err, HasSubstr("memory"));
  EXPECT_THAT(run.err, HasSubstr("GiB"));
  EXPECT_FALSE(std::filesystem::exists(at("run") / "metrics.jsonl"));
}

// Weight decay times learning rate far above 1 makes weights grow by a factor a step, until they are no numbers.
TEST_F(Run, a_loss_that_is_not_finite_fails_with_its_root_cause) {
  const Finished run =
      folder_.run("run", {"--set", "optimizer.lr=100", "--set", "optimizer.weight_decay=10", "--set", "job.steps=60"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("not finite"));
  EXPECT_THAT(run.err, HasSubstr("rank"));
  const auto events = read_json_lines(at("run") / "events.jsonl");
  EXPECT_TRUE(std::any_of(events.begin(), events.end(),
                          [](const json& event) { return event.dump().find("not finite") != std::string::npos; }));
}

TEST_F(Run, a_run_folder_that_cannot_be_written_is_a_storage_fault) {
  folder_.write("file", "in the way");
  const Finished run = folder_.run("file/run");
  EXPECT_EQ(run.exit_code, 74);
}

TEST_F(Run, a_folder_in_use_is_refused_and_the_run_in_it_goes_on) {
  Program first(folder_.arguments("run", {"--set", "job.steps=100000"}), folder_.path());
  wait_for_steps(first, at("run"), 2);
  for (const char* flag : {"", "--restart"}) {
    const Finished second =
        folder_.run("run", *flag == '\0' ? std::vector<std::string>{} : std::vector{std::string(flag)});
    EXPECT_NE(second.exit_code, 0) << flag;
    EXPECT_THAT(second.err, HasSubstr("another dsrun is running there")) << flag;
  }
  const std::size_t before = num_steps(at("run"));
  wait_for_steps(first, at("run"), before + 2);
  first.send(SIGINT);
  EXPECT_EQ(first.wait().exit_code, 75);
}

TEST_F(Run, a_processor_without_bf16_instructions_trains_in_fp32_and_says_so) {
  setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);  // what oneDNN then believes it runs on
  const Finished run = folder_.run("run", {"--set", "precision.compute=bf16"});
  unsetenv("DNNL_MAX_CPU_ISA");
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("no bf16 instructions"));
  EXPECT_THAT(read_text(at("run") / "job.toml"), HasSubstr("compute = \"fp32\""));
}

TEST_F(Run, a_folder_whose_name_is_not_utf8_is_refused_by_name) {
  const std::filesystem::path odd = folder_.path() / "caf\xe9";
  std::filesystem::create_directory(odd);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    if (entry.is_regular_file()) std::filesystem::copy(entry.path(), odd / entry.path().filename());
  const Finished run = Program({(odd / "tiny.toml").string(), "--run-dir", at("run").string()}, folder_.path()).wait();
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("caf?"));
  EXPECT_THAT(run.err, HasSubstr("UTF-8"));
}

TEST_F(Run, a_trace_that_cannot_be_written_is_a_storage_fault_and_moves_nothing) {
  ASSERT_EQ(folder_.run("run").exit_code, 0);
  const auto before = numbers(at("run"));
  EXPECT_EQ(folder_.run("run", {"--restart", "--trace", at("nowhere/trace.json").string()}).exit_code, 74);
  EXPECT_EQ(numbers(at("run")), before);
  EXPECT_FALSE(std::filesystem::exists(at("run.1")));
  const Finished full = folder_.run("full", {"--trace", "/dev/full"});
  EXPECT_EQ(full.exit_code, 74);
  EXPECT_THAT(full.err, HasSubstr("/dev/full"));
  EXPECT_EQ(folder_.run("inside", {"--trace", at("inside/trace.json").string()}).exit_code, 0);
}

TEST_F(Run, one_device_trains_too) {
  const Finished run =
      folder_.run("run", {"--set", "parallel.pipeline=1", "--set", "parallel.data=1", "--set", "parallel.expert=1",
                          "--set", "parallel.schedule=1f1b", "--set", "cluster.node.0.devices=1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

}  // namespace
}  // namespace dsrun::test
