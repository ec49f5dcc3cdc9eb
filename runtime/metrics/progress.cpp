#include "runtime/metrics/progress.hpp"

#include <cmath>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::int64_t line_interval_ns = 10'000'000'000;
constexpr std::int64_t rewrite_interval_ns = 100'000'000;

std::string duration(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(seconds));
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace

std::string format_progress(const StepMetrics& m, std::int64_t num_steps, double eta_seconds) {
  std::string mtp;
  for (const double loss : m.mtp_loss) mtp += fmt::format(" {:.4f}", loss);
  return fmt::format("step {}/{}  loss {:.4f}{}{}  {:.0f} tok/s  grad {:.3g}  MaxVio {:.2f}  bubble {:.0f} %  ETA {}",
                     m.step, num_steps, m.loss, mtp.empty() ? "" : "  MTP", mtp, m.tokens_per_s, m.grad_norm, m.max_vio,
                     m.bubble * 100, duration(eta_seconds));
}

Progress::Progress(std::FILE* out, bool terminal, std::int64_t num_steps, const Clock& clock)
    : out_(out), terminal_(terminal), num_steps_(num_steps), clock_(clock) {}

double Progress::eta(const StepMetrics& metrics) const {
  const std::int64_t made = metrics.step - first_step_;
  const double left = static_cast<double>(num_steps_ - metrics.step);
  if (made <= 0) return metrics.step_seconds * left;
  return static_cast<double>(clock_.wall_ns() - start_ns_) * 1e-9 / static_cast<double>(made) * left;
}

void Progress::step(const StepMetrics& metrics) {
  const std::int64_t now = clock_.wall_ns();
  const bool first = start_ns_ == 0;
  if (first) {
    first_step_ = metrics.step;
    start_ns_ = now;
  }
  const std::int64_t interval = terminal_ ? rewrite_interval_ns : line_interval_ns;
  if (!every_step_ && !first && metrics.step != num_steps_ && now - shown_ns_ < interval) return;
  shown_ns_ = now;
  show(format_progress(metrics, num_steps_, eta(metrics)));
}

// What cannot be written is not: nobody may be listening any more.
void Progress::write(const std::string& text) {
  std::fputs(text.c_str(), out_);
  std::fflush(out_);
}

void Progress::show(const std::string& line) {
  if (terminal_)  // without wrapping: a line that continues on a second row could not be rewritten
    write("\r\x1b[K\x1b[?7l" + line + "\x1b[?7h");
  else
    write(line + '\n');
  line_open_ = terminal_;
}

void Progress::note(const std::string& line) {
  end();
  write(line + '\n');
}

void Progress::end() {
  if (line_open_) write("\n");
  line_open_ = false;
}

}  // namespace dsrun
