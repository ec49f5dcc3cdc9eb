// Progress: the line that a person watches: one that rewrites itself on a terminal, one each 10 s elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "runtime/device/meter/clock.hpp"
#include "runtime/metrics/metrics.hpp"

namespace dsrun {

// "step 120/300  loss 2.134  5,210 tok/s  grad 0.62  MaxVio 0.31  bubble 4 %  ETA 1:05"
std::string format_progress(const StepMetrics& metrics, std::int64_t num_steps, double eta_seconds);

class Progress {
 public:
  // `terminal`: whether `out` can rewrite a line.
  Progress(std::FILE* out, bool terminal, std::int64_t num_steps, const Clock& clock = system_clock());
  void show_every_step() { every_step_ = true; }
  void step(const StepMetrics& metrics);  // the first and the last step always show
  void note(const std::string& line);     // a line of its own, such as a validation loss
  void end();                             // leaves the cursor on a fresh line

 private:
  double eta(const StepMetrics& metrics) const;
  void show(const std::string& line);
  void write(const std::string& text);

  std::FILE* out_;
  bool terminal_;
  std::int64_t num_steps_;
  const Clock& clock_;
  std::int64_t first_step_ = 0, start_ns_ = 0, shown_ns_ = 0;
  bool line_open_ = false;
  bool every_step_ = false;
};

}  // namespace dsrun
