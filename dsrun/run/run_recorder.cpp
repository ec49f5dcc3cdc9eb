#include "dsrun/run/run_recorder.hpp"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::stopped:
      return "stopped";
    case Outcome::aborted:
      return "aborted";
    case Outcome::failed:
    case Outcome::storage_failed:
      return "fault";
  }
  return "fault";
}

JsonLines open_lines(const std::string& path) try { return JsonLines(path); } catch (const std::runtime_error& error) {
  throw StorageError(error.what());
}

}  // namespace

RunRecorder::RunRecorder(const std::string& run_dir, bool byte_vocab, RunSummary& summary, Progress* progress)
    : metrics_(open_lines(run_dir + "/metrics.jsonl")),
      events_(open_lines(run_dir + "/events.jsonl")),
      unit_(byte_vocab ? "nats per byte" : "nats per token"),
      summary_(summary),
      progress_(progress) {}

void RunRecorder::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) {
    step_ = step->metrics.step;
    summary_.add(*step);
    write(metrics_, to_json(step->metrics));
    if (progress_ != nullptr) progress_->step(step->metrics);
  } else if (const auto* validation = std::get_if<ValidationFinished>(&progress)) {
    write(metrics_, to_json(ValidationMetrics{validation->step, validation->loss, validation->mtp_loss}));
    std::string mtp;
    for (const double loss : validation->mtp_loss) mtp += fmt::format("{} {:.4f}", mtp.empty() ? ", MTP" : "", loss);
    note(fmt::format("step {}: validation loss {:.4f} {}{}", validation->step, validation->loss, unit_, mtp));
  } else if (const auto* save = std::get_if<SaveFinished>(&progress)) {
    event("checkpoint", save->step, {{"seconds", save->seconds}});
    note(fmt::format("step {}: checkpoint written in {:.2f} s", save->step, save->seconds));
  } else if (const auto* finished = std::get_if<JobFinished>(&progress)) {
    event(outcome_name(finished->outcome), step_,
          finished->cause.empty() ? nlohmann::json::object() : nlohmann::json{{"cause", finished->cause}});
  } else if (const auto* link = std::get_if<LinkReport>(&progress)) {
    hear(*link);
  }
}

void RunRecorder::hear(const LinkReport& link) {
  summary_.add(link);
  event("link", step_,
        {{"from", link.from},
         {"to", link.to},
         {"transport", link.transport},
         {"messages", link.messages},
         {"bytes", link.bytes}});
}

void RunRecorder::event(const char* what, std::int64_t step) { event(what, step, nlohmann::json::object()); }

void RunRecorder::event(const char* what, std::int64_t step, nlohmann::json more) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  more["event"] = what;
  more["step"] = step;
  more["time"] = std::chrono::duration<double>(now).count();
  more["generation"] = 0;
  write(events_, more);
}

void RunRecorder::write(JsonLines& file, const nlohmann::json& object) try {
  file.write(object);
} catch (const std::runtime_error& error) {
  throw StorageError(error.what());
}

void RunRecorder::note(const std::string& line) {
  if (progress_ != nullptr) progress_->note(line);
}

}  // namespace dsrun
