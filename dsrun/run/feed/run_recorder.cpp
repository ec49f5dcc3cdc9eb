#include "dsrun/run/feed/run_recorder.hpp"

#include <chrono>

#include <nlohmann/json.hpp>

#include "dsrun/run/feed/fault_json.hpp"
#include "runtime/schedule/enum_table.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

constexpr EnumTable<Outcome, const char*, 5> outcome_names({{Outcome::completed, "completed"},
                                                            {Outcome::stopped, "stopped"},
                                                            {Outcome::aborted, "aborted"},
                                                            {Outcome::failed, "fault"},
                                                            {Outcome::storage_failed, "fault"}});

JsonLines open_lines(const std::string& path) try { return JsonLines(path); } catch (const std::runtime_error& error) {
  throw StorageError(error.what());
}

}  // namespace

RunRecorder::RunRecorder(const std::string& run_dir)
    : metrics_(open_lines(run_dir + "/metrics.jsonl")), events_(open_lines(run_dir + "/events.jsonl")) {}

void RunRecorder::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) {
    step_ = step->metrics.step;
    generation_ = step->metrics.generation;
    write(metrics_, to_json(step->metrics));
  } else if (const auto* validation = std::get_if<ValidationFinished>(&progress)) {
    write(metrics_, to_json(ValidationMetrics{validation->step, validation->loss, validation->mtp_loss}));
  } else if (const auto* save = std::get_if<SaveFinished>(&progress)) {
    event("checkpoint", save->step, {{"seconds", save->seconds}});
  } else if (const auto* finished = std::get_if<JobFinished>(&progress)) {
    nlohmann::json more = nlohmann::json::object();
    if (!finished->cause.empty()) more["cause"] = finished->cause;
    if (finished->fault) more["fault"] = to_json(*finished->fault);
    event(outcome_names[finished->outcome], step_, std::move(more));
  } else if (const auto* link = std::get_if<LinkReport>(&progress)) {
    hear(*link);
  }
}

void RunRecorder::hear(const LinkReport& link) {
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
  more["generation"] = generation_;
  write(events_, more);
}

void RunRecorder::write(JsonLines& file, const nlohmann::json& object) try {
  file.write(object);
} catch (const std::runtime_error& error) {
  throw StorageError(error.what());
}

}  // namespace dsrun
