#include "dsrun/run/run_preflight.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dsl/device_kind.hpp"
#include "dsl/placement.hpp"
#include "dsl/text/utf8.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/data/fingerprint.hpp"
#include "runtime/data/sources/source.hpp"
#include "runtime/device/scratch.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {
namespace {

std::string link_text(const LinkSpec& link) {
  return fmt::format("{} us, {}", link.latency_us,
                     link.gb_per_s > 0 ? fmt::format("{} GB/s", link.gb_per_s) : "no limit");
}

double gibibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

// What can be planned for, but not run yet.
std::optional<Refusal> check_built(const Job& job) {
  const ClusterSpec& cluster = job.cluster;
  const bool goes_elsewhere = cluster.isolation == Isolation::process && cluster.launcher != Launcher::local;
  bool elsewhere = false;
  for (const NodeSpec& node : cluster.nodes) {
    const bool here = node.host == "localhost";
    elsewhere = elsewhere || !here;
    if (!here && !goes_elsewhere)
      return Refusal{exit_cannot_place,
                     fmt::format("cannot place devices on host \"{}{}\": set [cluster] isolation = \"process\" and "
                                 "launcher = \"ssh\" or \"wait\". dsrun plan forecasts this job",
                                 node.host, node.count > 1 ? "-0" : "")};
    if (find_backend(node.kind) == nullptr)
      return Refusal{exit_cannot_place, fmt::format("cannot place devices of kind \"{}\": jobs run on {} only. "
                                                    "dsrun plan forecasts this job",
                                                    node.kind, backend_kinds())};
  }
  if (elsewhere && cluster.link.emulated())
    return Refusal{exit_cannot_place,
                   "[cluster.link] emulates links with the clock of one host; this job has several hosts"};
  const bool fp8 = job.precision.products == Products::fp8 || job.precision.saved == Products::fp8;
  if (fp8)
    return Refusal{exit_cannot_place,
                   "precision.products and precision.saved = \"fp8\" can be planned, but no "
                   "device of this version computes in FP8"};
  return std::nullopt;
}

std::optional<Refusal> check_memory(const MemoryPlan& ranks) {
  std::int64_t planned = 0;
  for (const RankMemory& each : ranks.by_index) planned += each.peak * ranks.mesh.data;
  const std::int64_t available = available_memory_bytes();
  if (planned <= available) return std::nullopt;
  return Refusal{exit_cannot_place,
                 fmt::format("too little memory: the job's {} ranks together need {:.2f} GiB at their peak, and "
                             "{:.2f} GiB are available (dsrun plan shows what needs it)",
                             ranks.size(), gibibytes(planned), gibibytes(available))};
}

// Opens model.init_from, which becomes absolute, and compares its sizes with the job's.
std::optional<Refusal> find_pretrained(Job& job, Preflight& preflight) {
  if (job.model.init_from.empty()) return std::nullopt;
  const std::filesystem::path folder = std::filesystem::absolute(job.folder.empty() ? "." : job.folder);
  job.model.init_from = (folder / job.model.init_from).lexically_normal().string();
  if (!is_utf8(job.model.init_from))
    return Refusal{exit_job_file,
                   fmt::format("model.init_from: {} is not UTF-8, so that the run's job.toml cannot name it",
                               printable(job.model.init_from))};
  try {
    preflight.pretrained = std::make_shared<const Pretrained>(open_pretrained(job.model.init_from, job.model.accept));
  } catch (const StorageError& error) {
    return Refusal{exit_job_file, fmt::format("model.init_from: {}", error.what())};
  }
  const std::vector<std::string> found = differences(preflight.pretrained->config.model, job.model);
  if (!found.empty())
    return Refusal{exit_job_file, fmt::format("model.init_from: {} is another model:\n  {}", job.model.init_from,
                                              fmt::join(found, "\n  "))};
  for (const std::string& note : preflight.pretrained->notes) preflight.notes.push_back("model.init_from: " + note);
  const int there = preflight.pretrained->config.model.mtp_depth, here = job.model.mtp_depth;
  if (there > here)
    preflight.notes.push_back(
        fmt::format("model.init_from: {} multi-token prediction modules of the files are left out", there - here));
  if (there < here)
    preflight.notes.push_back(fmt::format(
        "model.init_from: {} multi-token prediction modules are not in the files and start with random values",
        here - there));
  return std::nullopt;
}

// So that job.toml and checkpoints name the same files wherever they are read from.
void make_paths_absolute(Job& job) {
  const std::filesystem::path folder = std::filesystem::absolute(job.folder.empty() ? "." : job.folder);
  for (std::string& pattern : job.data.files) pattern = (folder / pattern).lexically_normal().string();
  for (std::string* file : {&job.data.tokenizer, &job.parallel.schedule_file})
    if (!file->empty()) *file = (folder / *file).lexically_normal().string();
}

std::optional<Refusal> open_data(const Job& job, std::shared_ptr<const TokenSource>& source,
                                 std::vector<std::string>& notes) {
  try {
    std::vector<std::string> odd;
    source = open_source(job.data, job.folder, job.batch.length + job.model.mtp_depth, job.run.seed, &odd);
    for (const std::string& each : odd) notes.push_back("data.files: " + each);
    fingerprint(*source);  // reads every token, or many of them: one that is damaged had better be found now
  } catch (const StorageError& error) {
    return Refusal{exit_job_file, fmt::format("data: {}", error.what())};
  }
  if (source->reads_bytes() && !job.model.byte_vocab)
    return Refusal{exit_job_file,
                   fmt::format("data.files are texts, whose tokens are bytes, but model.vocab is {}: set it to "
                               "\"byte\", or make token files with `dsrun tokenize`",
                               job.model.vocab_size)};
  if (!source->reads_bytes() && job.model.byte_vocab)
    return Refusal{
        exit_job_file,
        fmt::format("data.files have tokens of a vocabulary of {}, but model.vocab is \"byte\"", source->vocab_size())};
  if (source->vocab_size() > job.model.vocab_size)
    return Refusal{exit_job_file, fmt::format("data.files have tokens of a vocabulary of {}, but model.vocab is {}",
                                              source->vocab_size(), job.model.vocab_size)};
  return std::nullopt;
}

}  // namespace

std::variant<Preflight, Refusal> check_before_launch(Job job) {
  Preflight preflight;
  if (auto refusal = check_built(job)) return *refusal;
  if (!backend_for(device_kind(job.cluster)).computes_in(job.precision.compute)) {
    job.precision.compute = Precision::fp32;
    preflight.notes.push_back("this processor has no bf16 instructions; the job computes in fp32");
  }
  if (const LinkSpec& link = job.cluster.link; link.emulated()) {
    const bool several = Placement(job.cluster).num_nodes() > 1;
    preflight.notes.push_back(fmt::format("emulating a link between devices: {}", link_text(link)));
    if (several && link.between_nodes() != link)
      preflight.notes.push_back(fmt::format("emulating a link between nodes: {}", link_text(link.between_nodes())));
  }
  if (auto refusal = find_pretrained(job, preflight)) return *refusal;
  if (job.data.files.empty()) return Refusal{exit_job_file, "data.files is empty: there is no text to train on"};
  std::shared_ptr<const TokenSource> source;
  if (auto refusal = open_data(job, source, preflight.notes)) return *refusal;
  make_paths_absolute(job);
  std::vector<std::string> named = job.data.files;
  named.insert(named.end(), {job.data.tokenizer, job.parallel.schedule_file});
  for (const std::string& file : named)
    if (!is_utf8(file))
      return Refusal{exit_job_file, fmt::format("{} is not UTF-8, so that the run's job.toml cannot name it; "
                                                "rename that folder",
                                                printable(file))};
  preflight.plan = std::make_shared<Plan>(make_plan(job));
  preflight.loader = std::make_shared<BatchLoader>(job, source);
  preflight.memory = plan_memory(*preflight.plan, device_memory(*preflight.plan));
  if (job.cluster.isolation == Isolation::thread)  // else each host's agent tells what it has
    if (auto refusal = check_memory(preflight.memory)) return *refusal;
  return preflight;
}

}  // namespace dsrun
