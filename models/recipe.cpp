#include "models/recipe.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "dsl/job_schedule.hpp"

namespace dsrun {

Recipe::Recipe(const Job& job, RecipeStart start)
    : optimizer_(job.optimizer),
      balance_(job.balance),
      batch_(job.batch),
      steps_(job.run.steps),
      length_(job.batch.length),
      per_microbatch_(std::int64_t{job.parallel.data} * job.batch.microbatch_sequences(job.parallel.data)),
      parallel_(job.parallel),
      first_step_(start.step),
      tokens_at_warm_(start.step > 0 ? Recipe(job).warm_tokens() : 0) {
  if (optimizer_.phase_tokens > 0 && steps_ > 0)
    scale_ = static_cast<double>(steps_) * static_cast<double>(std::int64_t{batch_.sequences} * length_) /
             optimizer_.phase_tokens;
  for (Stretch next{start.step, start.samples, grown(start.samples)};; next = after(next)) {
    stretches_.push_back(next);
    if (next.microbatches == batch_.microbatches || next.first_step >= steps_) break;
  }
}

// The stretch of steps that follows: a batch only grows, so that its end is found by halving.
Recipe::Stretch Recipe::after(const Stretch& stretch) const {
  const std::int64_t per_step = stretch.microbatches * per_microbatch_;
  const auto still = [&](std::int64_t steps) {
    return grown(stretch.samples + steps * per_step) == stretch.microbatches;
  };
  std::int64_t within = 0, beyond = std::max<std::int64_t>(1, steps_ - stretch.first_step);
  if (still(beyond)) return {steps_, stretch.samples + beyond * per_step, stretch.microbatches};
  while (beyond - within > 1) (still((within + beyond) / 2) ? within : beyond) = (within + beyond) / 2;
  const std::int64_t samples = stretch.samples + beyond * per_step;
  return {stretch.first_step + beyond, samples, grown(samples)};
}

// The size due after so many samples: along a line from ramp_start to 1, rounded down to one that the schedule allows,
// or the smallest that it does.
int Recipe::grown(std::int64_t samples) const {
  const double ramp = phase(batch_.ramp_tokens);
  if (ramp <= 0) return batch_.microbatches;
  const double progress = std::min(1.0, static_cast<double>(samples * length_) / ramp);
  const double due = (batch_.ramp_start + (1 - batch_.ramp_start) * progress) * batch_.microbatches;
  if (due >= batch_.microbatches) return batch_.microbatches;
  const std::int64_t grain = std::max<std::int64_t>(1, batch_.ramp_step / per_microbatch_);
  const auto allowed = [&](std::int64_t size) { return !schedule_fault(parallel_, static_cast<int>(size)); };
  std::int64_t size = static_cast<std::int64_t>(due) / grain * grain;
  while (size > 0 && !allowed(size)) size -= grain;
  if (size == 0)
    for (size = grain; size < batch_.microbatches && !allowed(size);) size += grain;
  return static_cast<int>(std::min<std::int64_t>(size, batch_.microbatches));
}

const Recipe::Stretch& Recipe::stretch_of(std::int64_t step) const {
  const auto above = std::upper_bound(stretches_.begin(), stretches_.end(), step,
                                      [](std::int64_t value, const Stretch& each) { return value < each.first_step; });
  return above == stretches_.begin() ? stretches_.front() : *(above - 1);
}

int Recipe::microbatches(std::int64_t step) const { return stretch_of(step).microbatches; }

std::int64_t Recipe::sequences(std::int64_t step) const { return microbatches(step) * per_microbatch_; }

std::int64_t Recipe::samples_before(std::int64_t step) const {
  const Stretch& stretch = stretch_of(step);
  return stretch.samples + (step - stretch.first_step) * stretch.microbatches * per_microbatch_;
}

std::int64_t Recipe::warm_tokens() const {
  return optimizer_.warmup_steps >= first_step_ ? tokens_before(optimizer_.warmup_steps) : tokens_at_warm_;
}

double Recipe::decay_start() const {
  return std::max(static_cast<double>(warm_tokens()), phase(optimizer_.constant_tokens));
}

double Recipe::decay_end() const {
  if (optimizer_.decay_tokens > 0) return decay_start() + phase(optimizer_.decay_tokens);
  return static_cast<double>(tokens_before(std::max(first_step_, steps_ - 1)));
}

double Recipe::learning_rate(std::int64_t step) const {
  const OptimizerSpec& o = optimizer_;
  if (step < o.warmup_steps) {
    const std::int64_t risen = o.warmup_from == WarmupFrom::first ? step + 1 : step;
    return o.lr * static_cast<double>(risen) / static_cast<double>(o.warmup_steps);
  }
  const auto tokens = static_cast<double>(tokens_before(step));
  if (tokens < phase(o.constant_tokens)) return o.lr;
  const double start = decay_start(), end = decay_end();
  if (o.final_tokens > 0 && tokens >= end + phase(o.final_tokens)) return o.last_lr;
  const double progress = end > start ? std::min(1.0, (tokens - start) / (end - start)) : 1.0;
  return o.final_lr + (o.lr - o.final_lr) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

double Recipe::bias_speed(std::int64_t step) const {
  const bool early = static_cast<double>(tokens_before(step)) < phase(balance_.bias_speed_until_tokens);
  return early ? balance_.bias_speed : balance_.bias_speed_late;
}

double Recipe::mtp_lambda(std::int64_t step) const {
  const bool early = static_cast<double>(tokens_before(step)) < phase(optimizer_.mtp_lambda_until_tokens);
  return early ? optimizer_.mtp_lambda : optimizer_.mtp_lambda_late;
}

nlohmann::json Recipe::to_json() const {
  nlohmann::json out = {{"tokens", tokens_before(std::max(first_step_, steps_))},
                        {"first_batch_sequences", sequences(first_step_)},
                        {"steps_until_batch_is_grown", stretches_.back().first_step},
                        {"constant_until_tokens", decay_start()},
                        {"cosine_until_tokens", decay_end()},
                        {"bias_speed_until_tokens", phase(balance_.bias_speed_until_tokens)},
                        {"mtp_lambda_until_tokens", phase(optimizer_.mtp_lambda_until_tokens)}};
  if (optimizer_.final_tokens > 0) out["final_lr_until_tokens"] = decay_end() + phase(optimizer_.final_tokens);
  return out;
}

}  // namespace dsrun
