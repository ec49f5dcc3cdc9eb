// RunRecorder: everything a run tells, to where it belongs: metrics.jsonl, events.jsonl, the progress line, the
// summary.
#pragma once

#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "actors/core/progressed.hpp"
#include "dsrun/run/run_summary.hpp"
#include "runtime/metrics/progress.hpp"

namespace dsrun {

class RunRecorder {
 public:
  // `progress`: null when nobody wants to see it. Throws StorageError, as all that writes here does.
  RunRecorder(const std::string& run_dir, bool byte_vocab, RunSummary& summary, Progress* progress);

  void hear(const Progressed& progress);
  void event(const char* what, std::int64_t step);

 private:
  void hear(const LinkReport& link);
  void event(const char* what, std::int64_t step, nlohmann::json more);
  void write(JsonLines& file, const nlohmann::json& object);
  void note(const std::string& line);

  JsonLines metrics_;
  JsonLines events_;
  const char* unit_;  // of losses
  RunSummary& summary_;
  Progress* progress_;
  std::int64_t step_ = 0;
};

}  // namespace dsrun
