#include "dsrun/run/feed/progress_line.hpp"

#include <variant>

#include <fmt/format.h>

namespace dsrun {

void ProgressLine::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) {
    progress_.step(step->metrics);
  } else if (const auto* validation = std::get_if<ValidationFinished>(&progress)) {
    std::string mtp;
    for (const double loss : validation->mtp_loss) mtp += fmt::format("{} {:.4f}", mtp.empty() ? ", MTP" : "", loss);
    progress_.note(
        fmt::format("step {}: validation loss {:.4f} {}{}", validation->step, validation->loss, loss_unit_, mtp));
  } else if (const auto* save = std::get_if<SaveFinished>(&progress)) {
    progress_.note(fmt::format("step {}: checkpoint written in {:.2f} s", save->step, save->seconds));
  }
}

void ProgressLine::gap(std::int64_t num_missed) {
  progress_.note(fmt::format("{} events of the run are not shown: the terminal was too slow", num_missed));
}

}  // namespace dsrun
