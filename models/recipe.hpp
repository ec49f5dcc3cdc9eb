// Recipe: the settings that change during a run: batch size, learning rate, speed of the biases, weight of multi-token
// prediction. Phases have lengths in tokens, as in arXiv 2412.19437 section 4.2: warm-up, constant, cosine, constant,
// constant; the batch grows. It is a pure function of the job, so that a plan can print it.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dsl/job.hpp"

namespace dsrun {

// Where a run continues: the steps and samples (sequences) made before, perhaps with other batch sizes.
struct RecipeStart {
  std::int64_t step = 0;
  std::int64_t samples = 0;
};

class Recipe {
 public:
  explicit Recipe(const Job& job, RecipeStart start = {});

  // Microbatches of a data rank in that step; batch.microbatches once the batch has grown. The number always fits the
  // schedule.
  int microbatches(std::int64_t step) const;
  std::int64_t sequences(std::int64_t step) const;       // of the global batch
  std::int64_t samples_before(std::int64_t step) const;  // precondition: step ≥ the start's
  std::int64_t tokens_before(std::int64_t step) const { return samples_before(step) * length_; }

  double learning_rate(std::int64_t step) const;
  double bias_speed(std::int64_t step) const;
  double mtp_lambda(std::int64_t step) const;

  // The ends of the phases, in tokens of this job.
  nlohmann::json to_json() const;

 private:
  // Steps with batches of one size.
  struct Stretch {
    std::int64_t first_step;
    std::int64_t samples;  // before it
    int microbatches;
  };
  Stretch after(const Stretch& stretch) const;
  const Stretch& stretch_of(std::int64_t step) const;
  double phase(double tokens) const { return tokens * scale_; }
  int grown(std::int64_t samples) const;
  std::int64_t warm_tokens() const;
  double decay_start() const;
  double decay_end() const;

  OptimizerSpec optimizer_;
  BalanceSpec balance_;
  BatchSpec batch_;
  std::int64_t steps_;
  std::int64_t length_;
  std::int64_t per_microbatch_;  // sequences that one more microbatch for each data rank adds to the batch
  double scale_ = 1;             // of token counts in the job file
  ParallelSpec parallel_;
  std::int64_t first_step_;
  std::int64_t tokens_at_warm_;     // if the warm-up ended before first_step_: as if the run had always been like this
  std::vector<Stretch> stretches_;  // in order; the last has no end
};

}  // namespace dsrun
