// ProgressLine: shows a run to the person who started it, as runtime/metrics/progress.hpp writes it.
#pragma once

#include <string>

#include "dsrun/run/feed/run_feed.hpp"
#include "runtime/metrics/progress.hpp"

namespace dsrun {

class ProgressLine : public RunListener {
 public:
  // `byte_vocab`: each token is a byte, so losses are per byte.
  ProgressLine(Progress progress, bool byte_vocab)
      : progress_(std::move(progress)), loss_unit_(byte_vocab ? "nats per byte" : "nats per token") {}

  std::string name() const override { return "the progress line"; }
  void hear(const Progressed& progress) override;
  void gap(std::int64_t num_missed) override;
  void end() override { progress_.end(); }

 private:
  Progress progress_;
  const char* loss_unit_;
};

}  // namespace dsrun
