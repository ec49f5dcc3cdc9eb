#include "dsrun/run/job_brief.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/plan.hpp"
#include "dsl/device_kind.hpp"
#include "dsl/parse.hpp"
#include "dsl/write.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/data/fingerprint.hpp"
#include "runtime/data/sources/source.hpp"

namespace dsrun {
namespace {

SavedState checkpoint_of(const JobBrief& brief) {
  std::optional<SavedState> saved = find_saved_state(brief.run_dir);
  if (!saved)
    throw std::runtime_error(
        fmt::format("there is no checkpoint in {} on this host; all hosts have to share that folder", brief.run_dir));
  if (saved->step() != *brief.resume_from)
    throw std::runtime_error(
        fmt::format("the newest checkpoint in {} on this host is of step {}; the job continues from step {}",
                    brief.run_dir, saved->step(), *brief.resume_from));
  return std::move(*saved);
}

}  // namespace

std::string to_text(const JobBrief& brief) {
  nlohmann::json out = {{"job", to_toml(brief.job)},
                        {"folder", brief.job.folder},
                        {"run_dir", brief.run_dir},
                        {"text", brief.text},
                        {"with_spans", brief.with_spans}};
  if (brief.resume_from) out["resume_from"] = *brief.resume_from;
  return out.dump();
}

JobBrief read_brief(const std::string& text) {
  const nlohmann::json from = nlohmann::json::parse(text);
  ParseResult parsed =
      parse_job_text(from.at("job").get<std::string>(), "the launcher's job", {}, from.at("folder").get<std::string>());
  if (!parsed.job) throw std::runtime_error("the launcher's job is not valid here: " + parsed.faults[0].message);
  JobBrief brief;
  brief.job = std::move(*parsed.job);
  brief.run_dir = from.at("run_dir").get<std::string>();
  brief.text = from.at("text").get<std::uint64_t>();
  brief.with_spans = from.at("with_spans").get<bool>();
  if (from.contains("resume_from")) brief.resume_from = from["resume_from"].get<std::int64_t>();
  return brief;
}

std::shared_ptr<DeviceSetup> make_device_setup(const JobBrief& brief, int rank) {
  const Job& job = brief.job;
  if (!backend_for(device_kind(job.cluster)).computes_in(job.precision.compute))
    throw std::runtime_error(
        "the processor of this host has no bf16 instructions, but the launcher's has; set precision.compute");
  const auto source = open_source(job.data, job.folder, job.batch.length + job.model.mtp_depth, job.run.seed);
  auto setup = std::make_shared<DeviceSetup>();
  setup->membership = membership_of(std::make_shared<Plan>(make_plan(job)));
  setup->rank = rank;
  std::optional<SavedState> from;
  if (brief.resume_from) from = checkpoint_of(brief);
  setup->loader = loader_from(std::make_shared<BatchLoader>(job, source), job, from);
  if (setup->loader->text_fingerprint() != brief.text)
    throw std::runtime_error("data.files have other content on this host than on the launcher's");
  setup->yields_after_op = false;
  setup->pin_core = job.cluster.pin_cores;
  std::shared_ptr<const Pretrained> pretrained;
  if (!job.model.init_from.empty() && !from)
    pretrained = std::make_shared<const Pretrained>(open_pretrained(job.model.init_from, job.model.accept));
  set_state_functions(*setup, brief.run_dir, from, initialiser(pretrained, job.model));
  return setup;
}

std::shared_ptr<const BatchLoader> loader_from(const std::shared_ptr<const BatchLoader>& loader, const Job& job,
                                               const std::optional<SavedState>& from) {
  if (!from || !from->samples) return loader;
  return std::make_shared<BatchLoader>(loader->resumed(job, {from->step(), *from->samples}));
}

std::function<void(DeviceCore&)> initialiser(const std::shared_ptr<const Pretrained>& pretrained,
                                             const ModelSpec& model) {
  if (!pretrained) return {};
  return [from = pretrained, model](DeviceCore& core) {
    load_weights(*from, core.parameters());
    core.set_biases(load_biases(*from, model));
  };
}

}  // namespace dsrun
