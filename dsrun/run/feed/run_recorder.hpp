// RunRecorder: writes metrics.jsonl and events.jsonl of a run.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "actors/core/progressed.hpp"
#include "cluster/membership.hpp"
#include "dsrun/run/feed/run_feed.hpp"
#include "runtime/metrics/metrics.hpp"

namespace dsrun {

// All but name() throws StorageError.
class RunRecorder : public RunListener {
 public:
  explicit RunRecorder(const std::string& run_dir);

  std::string name() const override { return metrics_.path(); }
  void hear(const Progressed& progress) override;
  void event(const char* what, std::int64_t step);

 private:
  void hear(const LinkReport& link);
  void event(const char* what, std::int64_t step, nlohmann::json more);
  void write(JsonLines& file, const nlohmann::json& object);

  JsonLines metrics_;
  JsonLines events_;
  std::int64_t step_ = 0;
  std::int64_t generation_ = first_generation;
};

}  // namespace dsrun
