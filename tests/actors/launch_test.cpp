// Real threads and real files: a launched job against the single-threaded cluster, and its checkpoints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "actors/launch.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> p2_d2_e2 = {"parallel.schedule=dualpipe", "parallel.pipeline=2",  "parallel.data=2",
                                           "parallel.expert=2",          "batch.microbatches=4", "job.steps=6"};

struct Launched {
  JobOutcome outcome;
  std::vector<double> losses, validation_losses;
};

class Launch : public testing::Test {
 protected:
  Launch() {
    std::string name = (std::filesystem::temp_directory_path() / "dsrun-launch-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Launch() override { std::filesystem::remove_all(folder_); }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  LaunchOptions options(const Job& job, const std::string& run_dir) const {
    LaunchOptions options;
    options.plan = std::make_shared<Plan>(make_plan(job));
    options.loader = std::make_shared<BatchLoader>(job, small_corpus());
    options.run_dir = at(run_dir);
    options.resume_from = find_saved_state(at(run_dir));
    return options;
  }

  Launched launch(const Job& job, const std::string& run_dir, JobControl& control,
                  const std::function<void(const StepFinished&)>& on_step = {}) const {
    Launched launched;
    LaunchOptions with = options(job, run_dir);
    with.on_progress = [&](const Progressed& progress) {
      if (const auto* step = std::get_if<StepFinished>(&progress)) {
        launched.losses.push_back(step->metrics.loss);
        if (on_step) on_step(*step);
      }
      if (const auto* validation = std::get_if<ValidationFinished>(&progress))
        launched.validation_losses.push_back(validation->loss);
    };
    launched.outcome = run_job(with, control);
    return launched;
  }

  // Every master weight and both moments, by name and first element, straight from the newest checkpoint's shards.
  std::map<std::pair<std::string, std::int64_t>, std::vector<char>> saved(const std::string& run_dir) const {
    const auto state = find_saved_state(at(run_dir));
    std::map<std::pair<std::string, std::int64_t>, std::vector<char>> bytes;
    for (const ShardFile& file : state->manifest.shards) {
      const ShardReader reader(at(run_dir), state->step(), file);
      for (std::size_t i = 0; i < reader.ranges().size(); ++i) {
        const TensorRange& range = reader.ranges()[i];
        const std::size_t size = range.dtype == "f64" ? 8 : range.dtype == "f32" ? 4 : 2;
        auto& out = bytes[{range.name, range.begin}];
        EXPECT_TRUE(out.empty()) << range.name << " is owned twice";
        out.resize(static_cast<std::size_t>(range.end - range.begin) * size);
        reader.read(i, out.data(), out.size());
      }
    }
    return bytes;
  }

  std::filesystem::path folder_;
};

TEST_F(Launch, N2_threads_give_the_bits_of_the_single_threaded_cluster) {
  const Job job = small_job(p2_d2_e2);
  FakeCluster reference(job, small_corpus());
  const FakeRun expected = reference.run();
  JobControl control;
  const Launched run = launch(job, "run", control);
  ASSERT_EQ(run.outcome.outcome, Outcome::completed) << run.outcome.cause;
  EXPECT_TRUE(run.outcome.all_over);
  EXPECT_EQ(run.outcome.steps, 6);
  EXPECT_EQ(run.outcome.checkpoint, 6);
  EXPECT_EQ(run.losses, expected.losses);
  EXPECT_EQ(run.validation_losses, expected.validation_losses);
  Tensors weights;
  for (const auto& [key, bytes] : saved("run")) {
    const auto& [name, begin] = key;
    if (!name.ends_with("/master")) continue;
    const std::string tensor = name.substr(0, name.size() - std::string("/master").size());
    auto& all = weights[tensor];
    const auto* values = reinterpret_cast<const double*>(bytes.data());
    const std::size_t count = bytes.size() / sizeof(double), first = static_cast<std::size_t>(begin);
    if (all.size() < first + count) all.resize(first + count);
    std::copy_n(values, count, all.begin() + begin);
  }
  EXPECT_EQ(weights, reference.gather_weights());
}

TEST_F(Launch, N2_devices_that_share_threads_give_the_same_bits) {
  const Job job = small_job(p2_d2_e2);
  std::vector<std::vector<double>> losses;
  std::vector<std::set<std::thread::id>> threads;
  for (int cores : {2, 64}) {
    std::mutex mutex;
    LaunchOptions with = options(job, std::to_string(cores));
    with.cores = cores;
    losses.emplace_back();
    threads.emplace_back();
    with.on_progress = [&](const Progressed& progress) {
      const auto* step = std::get_if<StepFinished>(&progress);
      if (step == nullptr) return;
      losses.back().push_back(step->metrics.loss);
      EXPECT_EQ(step->metrics.phases.delivery == 0, cores == 2);  // a wait for the thread is one for a core
    };
    with.on_span = [&](int, const DeviceSpan&) {
      const std::lock_guard lock(mutex);
      threads.back().insert(std::this_thread::get_id());
    };
    JobControl control;
    EXPECT_EQ(run_job(with, control).outcome, Outcome::completed);
  }
  EXPECT_EQ(losses[0], losses[1]);
  EXPECT_LE(threads[0].size(), 2U);
  EXPECT_EQ(threads[1].size(), 4U);
}

TEST_F(Launch, N2_a_link_delays_what_devices_send_and_nothing_else) {
  FakeCluster reference(small_job(p2_d2_e2), small_corpus());
  const FakeRun expected = reference.run();
  auto overrides = p2_d2_e2;
  overrides.insert(overrides.end(), {"cluster.link.latency_us=2000", "cluster.link.gb_per_s=0.1"});
  for (int cores : {2, 64}) {  // devices that share threads, and that have their own
    LaunchOptions with = options(small_job(overrides), "run" + std::to_string(cores));
    with.cores = cores;
    std::vector<double> losses;
    std::vector<PhaseTimes> phases;
    with.on_progress = [&](const Progressed& progress) {
      if (const auto* step = std::get_if<StepFinished>(&progress)) {
        losses.push_back(step->metrics.loss);
        phases.push_back(step->metrics.phases);
      }
    };
    std::atomic<int> wires{0}, short_ones{0};
    with.on_span = [&](int, const DeviceSpan& span) {
      if (span.what != DeviceSpan::What::wire) return;
      ++wires;
      if (span.end_ns - span.start_ns < 2'000'000) ++short_ones;
    };
    JobControl control;
    ASSERT_EQ(run_job(with, control).outcome, Outcome::completed);
    EXPECT_EQ(losses, expected.losses);
    EXPECT_GT(wires, 100);
    EXPECT_EQ(short_ones, 0);
    for (const PhaseTimes& each : phases) {
      EXPECT_GT(each.idle, 0.004);  // flights are waits for the link, however busy the machine is
    }
  }
}

TEST_F(Launch, N2_two_hops_over_links_of_two_speeds_give_the_bits_of_the_fake_cluster) {
  auto overrides = on_nodes_of_two(mesh_case("dualpipev", 1, 4, 4, 4), 2).overrides;
  FakeCluster reference(small_job(overrides), small_corpus());
  const FakeRun expected = reference.run();
  overrides.insert(overrides.end(), {"cluster.link.latency_us=100", "cluster.link.network_latency_us=1000"});
  LaunchOptions with = options(small_job(overrides), "run");
  with.cores = 64;
  ASSERT_TRUE(with.plan->two_hop);
  std::vector<double> losses;
  with.on_progress = [&](const Progressed& progress) {
    if (const auto* step = std::get_if<StepFinished>(&progress)) losses.push_back(step->metrics.loss);
  };
  std::atomic<int> second_hops{0}, wrong{0};
  with.on_span = [&](int rank, const DeviceSpan& span) {
    if (span.what != DeviceSpan::What::wire) return;
    second_hops += span.hop == Hop::second;
    const bool crosses = !with.plan->placement.same_node(rank, span.peer);
    if ((span.end_ns - span.start_ns >= 1'000'000) != crosses) ++wrong;
  };
  JobControl control;
  ASSERT_EQ(run_job(with, control).outcome, Outcome::completed);
  EXPECT_EQ(losses, expected.losses);
  EXPECT_GT(second_hops, 100);
  EXPECT_EQ(wrong, 0);
}

TEST_F(Launch, stopped_and_resumed_equals_uninterrupted) {
  for (const char* precision : {"precision.compute=fp32", "precision.compute=bf16"}) {
    auto overrides = p2_d2_e2;
    overrides.insert(overrides.end(),
                     {precision, "optimizer.moments=bf16", "optimizer.ema_decay=0.5", "data.validate_every_steps=2"});
    const Job job = small_job(overrides);
    const std::string whole_dir = std::string("whole") + precision, run_dir = std::string("run") + precision;
    JobControl undisturbed;
    const Launched whole = launch(job, whole_dir, undisturbed);
    ASSERT_EQ(whole.outcome.outcome, Outcome::completed) << whole.outcome.cause;

    JobControl control;
    Launched first = launch(job, run_dir, control, [&](const StepFinished& step) {
      if (step.metrics.step == 2) control.request_stop();
    });
    ASSERT_EQ(first.outcome.outcome, Outcome::stopped) << first.outcome.cause;
    ASSERT_TRUE(first.outcome.checkpoint);
    EXPECT_LE(*first.outcome.checkpoint, 3);
    JobControl again;
    const Launched second = launch(job, run_dir, again);
    ASSERT_EQ(second.outcome.outcome, Outcome::completed) << second.outcome.cause;
    first.losses.insert(first.losses.end(), second.losses.begin(), second.losses.end());
    first.validation_losses.insert(first.validation_losses.end(), second.validation_losses.begin(),
                                   second.validation_losses.end());
    EXPECT_EQ(first.losses, whole.losses);
    EXPECT_EQ(first.validation_losses, whole.validation_losses);
    EXPECT_EQ(saved(run_dir), saved(whole_dir));
  }
}

TEST_F(Launch, a_request_before_the_start_is_not_lost) {
  JobControl control;
  control.request_stop();
  const Launched run = launch(small_job(p2_d2_e2), "run", control);
  EXPECT_EQ(run.outcome.outcome, Outcome::stopped);
  EXPECT_FALSE(run.outcome.checkpoint);  // no step was made: there is nothing to save
}

TEST_F(Launch, a_complete_job_resumed_makes_no_step) {
  const Job job = small_job(p2_d2_e2);
  JobControl first, second;
  ASSERT_EQ(launch(job, "run", first).outcome.outcome, Outcome::completed);
  const Launched again = launch(job, "run", second);
  EXPECT_EQ(again.outcome.outcome, Outcome::completed);
  EXPECT_TRUE(again.losses.empty());
  EXPECT_TRUE(again.validation_losses.empty());
}

TEST_F(Launch, R1_a_damaged_shard_is_refused_by_name) {
  const Job job = small_job(p2_d2_e2);
  JobControl first, second;
  ASSERT_EQ(launch(job, "run", first).outcome.outcome, Outcome::completed);
  const auto state = find_saved_state(at("run"));
  const std::string shard = checkpoint_folder(at("run"), state->step()) + "/" + state->manifest.shards[1].file;
  std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x5a');
  file.close();
  const Launched again = launch(job, "run", second);
  EXPECT_EQ(again.outcome.outcome, Outcome::storage_failed);
  EXPECT_THAT(again.outcome.cause, HasSubstr(state->manifest.shards[1].file));
}

TEST_F(Launch, a_folder_that_cannot_be_written_ends_the_job_as_storage) {
  std::ofstream(at("file")) << "in the way";
  const Job job = small_job(p2_d2_e2);
  LaunchOptions with = options(job, "run");
  with.run_dir = at("file") + "/run";
  JobControl control;
  const JobOutcome outcome = run_job(with, control);
  EXPECT_EQ(outcome.outcome, Outcome::storage_failed);
  EXPECT_THAT(outcome.cause, HasSubstr("saving its state"));
  EXPECT_FALSE(outcome.checkpoint);
}

TEST_F(Launch, spans_of_every_rank_are_heard) {
  const Job job = small_job(p2_d2_e2);
  LaunchOptions with = options(job, "run");
  std::array<std::atomic<int>, 4> spans{};
  with.on_span = [&](int rank, const DeviceSpan&) { ++spans[static_cast<std::size_t>(rank)]; };
  JobControl control;
  ASSERT_EQ(run_job(with, control).outcome, Outcome::completed);
  for (const auto& count : spans) EXPECT_GT(count, 100);
}

TEST_F(Launch, pinned_devices_keep_to_one_core_each) {
  std::vector<std::string> overrides = p2_d2_e2;
  overrides.push_back("cluster.pin_cores=true");
  LaunchOptions with = options(small_job(overrides), "run");
  const int num_cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  std::atomic<int> astray{0}, seen{0};
  with.on_span = [&](int rank, const DeviceSpan&) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    pthread_getaffinity_np(pthread_self(), sizeof cores, &cores);
    ++seen;
    if (CPU_COUNT(&cores) != 1 || !CPU_ISSET(static_cast<std::size_t>(rank % num_cores), &cores)) ++astray;
  };
  JobControl control;
  ASSERT_EQ(run_job(with, control).outcome, Outcome::completed);
  EXPECT_GT(seen, 100);
  EXPECT_EQ(astray, 0);
}

TEST_F(Launch, a_thrown_span_listener_is_a_fault_of_its_rank) {
  LaunchOptions with = options(small_job(p2_d2_e2), "run");
  with.on_span = [](int rank, const DeviceSpan& span) {
    if (rank == 3 && span.op == Op::router) throw std::runtime_error("broken on purpose");
  };
  JobControl control;
  const JobOutcome outcome = run_job(with, control);
  EXPECT_EQ(outcome.outcome, Outcome::failed);
  EXPECT_THAT(outcome.cause, HasSubstr("rank 3: "));
  EXPECT_THAT(outcome.cause, HasSubstr("router"));
  EXPECT_THAT(outcome.cause, HasSubstr("broken on purpose"));
  EXPECT_TRUE(outcome.all_over);
}

}  // namespace
}  // namespace dsrun::test
