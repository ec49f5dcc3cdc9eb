#include "actors/core/coordinator_core.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "models/costs.hpp"

namespace dsrun {
namespace {

// Counts of all ranks, [MoE layer][expert].
std::vector<std::vector<std::int64_t>> sum_counts(const std::vector<RoundResult>& results) {
  auto sum = results[0].expert_counts;
  for (std::size_t r = 1; r < results.size(); ++r)
    for (std::size_t layer = 0; layer < sum.size(); ++layer)
      for (std::size_t e = 0; e < sum[layer].size(); ++e) sum[layer][e] += results[r].expert_counts[layer][e];
  return sum;
}

// b += γ · sign(mean − count), arXiv 2408.15664 equation 4; in integers, so that no rounding decides a sign.
void move_biases(std::vector<std::vector<float>>& biases, const std::vector<std::vector<std::int64_t>>& counts,
                 double speed) {
  for (std::size_t layer = 0; layer < biases.size(); ++layer) {
    std::int64_t total = 0;
    for (std::int64_t count : counts[layer]) total += count;
    const auto experts = static_cast<std::int64_t>(counts[layer].size());
    for (std::size_t e = 0; e < counts[layer].size(); ++e) {
      const std::int64_t excess = counts[layer][e] * experts - total;
      biases[layer][e] += static_cast<float>(excess < 0 ? speed : excess > 0 ? -speed : 0.0);
    }
  }
}

}  // namespace

void LossSums::add(const RoundResult& result) {
  main += result.loss_sum;
  mtp.resize(result.mtp_loss_sums.size());
  for (std::size_t depth = 0; depth < mtp.size(); ++depth) mtp[depth] += result.mtp_loss_sums[depth];
}

CoordinatorCore::CoordinatorCore(Membership membership, std::shared_ptr<const BatchLoader> loader, StartState start)
    : membership_(std::move(membership)),
      plan_(membership_.plan),
      loader_(std::move(loader)),
      step_(start.step),
      biases_(std::move(start.biases)),
      peak_flops_(start.peak_flops),
      flops_per_token_(training_flops_per_token(plan_->job.model, plan_->job.batch.length)),
      validated_(start.validated),
      saved_(plan_->job.run.steps > 0) {
  const ModelSpec& model = plan_->job.model;
  if (biases_.empty())
    biases_.assign(static_cast<std::size_t>(model.moe_layers()),
                   std::vector<float>(static_cast<std::size_t>(model.experts), 0.0F));
  const auto ranks = static_cast<std::size_t>(plan_->mesh.size());
  results_.resize(ranks);
  dones_.resize(ranks);
  shards_.resize(ranks);
}

std::vector<Order> CoordinatorCore::on_ready(int, std::int64_t now_ns) {
  ++num_here_;
  return all_here() ? next_round(now_ns) : std::vector<Order>{};
}

// What comes after the round, save or start that has just ended.
std::vector<Order> CoordinatorCore::next_round(std::int64_t now_ns) {
  num_here_ = num_results_ = 0;
  if (phase_ == Phase::finished) return {};
  const RunSpec& run = plan_->job.run;
  const bool over = step_ >= run.steps;
  const std::int64_t every = plan_->job.data.validate_every_steps;
  const bool validation_due = !validated_ && !stop_requested_ && loader_->num_validation_batches() > 0 &&
                              (over || (every > 0 && step_ % every == 0 && step_ > 0));
  if (validation_due) return start_round(RoundKind::evaluate, validation_batch_, now_ns);
  const std::int64_t interval = run.checkpoint_every_steps;
  const bool save_due = over || stop_requested_ || save_requested_ || (interval > 0 && step_ % interval == 0);
  if (!saved_ && save_due) return start_save(now_ns);
  // A stop may have come between the last step and its validation: then the job is not complete.
  const bool complete = over && (validated_ || loader_->num_validation_batches() == 0);
  if (complete) return finish({Outcome::completed, {}, {}});
  if (stop_requested_) return finish({Outcome::stopped, {}, {}});
  return start_round(RoundKind::train, step_, now_ns);
}

std::vector<Order> CoordinatorCore::start_round(RoundKind kind, std::int64_t index, std::int64_t now_ns) {
  phase_ = kind == RoundKind::train ? Phase::training : Phase::validating;
  order_ = {++round_, kind, index, 0, 0};
  if (kind == RoundKind::train) {
    if (plan_->job.model.mtp_depth > 0) order_.mtp_lambda = loader_->recipe().mtp_lambda(index);
    order_.microbatches = loader_->recipe().microbatches(index);
  }
  round_start_ns_ = now_ns;
  return {order_};
}

std::vector<Order> CoordinatorCore::start_save(std::int64_t now_ns) {
  phase_ = Phase::saving;
  save_requested_ = false;
  round_start_ns_ = now_ns;
  return {SaveOrder{step_}};
}

std::vector<Order> CoordinatorCore::finish(JobFinished finished) {
  phase_ = Phase::finished;
  progress_.push_back(std::move(finished));
  return {StopOrder{}};
}

std::vector<Order> CoordinatorCore::on_result(RoundResult result) {
  if (phase_ == Phase::finished) return {};
  results_[static_cast<std::size_t>(result.rank)] = std::move(result);
  if (++num_results_ < plan_->mesh.size()) return {};
  if (phase_ == Phase::validating) {
    for (const RoundResult& each : results_) validation_loss_.add(each);
    return {};
  }
  return update();
}

std::string CoordinatorCore::name_not_finite() const {
  std::string ranks;
  for (const RoundResult& each : results_)
    if (!std::isfinite(each.sum_squares)) ranks += fmt::format("{}{}", ranks.empty() ? "" : ", ", each.rank);
  return fmt::format("step {}: the gradients' norm is not finite; it comes from the shards of rank {}", step_ + 1,
                     ranks.empty() ? "none, only from their sum" : ranks);
}

std::vector<Order> CoordinatorCore::update() {
  double sum_squares = 0;
  for (const RoundResult& each : results_) sum_squares += each.sum_squares;
  const auto tokens = static_cast<double>(loader_->predicted_tokens(order_.index));
  gradient_norm_ = std::sqrt(sum_squares) / tokens;
  if (!std::isfinite(gradient_norm_)) return finish({Outcome::failed, name_not_finite(), {}});
  const OptimizerSpec& optimizer = plan_->job.optimizer;
  const double clip =
      optimizer.clip_norm > 0 && gradient_norm_ > optimizer.clip_norm ? optimizer.clip_norm / gradient_norm_ : 1.0;
  counts_ = sum_counts(results_);
  move_biases(biases_, counts_, loader_->recipe().bias_speed(step_));
  UpdateOrder order{order_.round, step_, loader_->recipe().learning_rate(step_), clip / tokens, biases_};
  lr_ = order.lr;
  return {std::move(order)};
}

std::vector<Order> CoordinatorCore::on_done(RoundDone done, std::int64_t now_ns) {
  if (phase_ == Phase::finished) return {};
  dones_[static_cast<std::size_t>(done.rank)] = done;
  ++num_here_;
  if (!all_here()) return {};
  return phase_ == Phase::training ? after_training_step(now_ns) : after_validation_batch(now_ns);
}

std::vector<Order> CoordinatorCore::after_training_step(std::int64_t now_ns) {
  record_step(now_ns);
  ++step_;
  validated_ = saved_ = false;
  validation_batch_ = 0;
  validation_loss_ = {};
  return next_round(now_ns);
}

std::vector<Order> CoordinatorCore::after_validation_batch(std::int64_t now_ns) {
  if (++validation_batch_ == loader_->num_validation_batches()) {
    validated_ = true;
    ValidationFinished finished{step_, validation_loss_.main / static_cast<double>(loader_->validation_tokens()), {}};
    for (const double sum : validation_loss_.mtp) {
      const int depth = static_cast<int>(finished.mtp_loss.size()) + 1;
      finished.mtp_loss.push_back(sum /
                                  static_cast<double>(std::max<std::int64_t>(1, loader_->validation_targets(depth))));
    }
    progress_.push_back(std::move(finished));
  }
  return next_round(now_ns);
}

void CoordinatorCore::record_step(std::int64_t now_ns) {
  StepFinished finished;
  StepMetrics& metrics = finished.metrics;
  const double seconds = static_cast<double>(now_ns - round_start_ns_) * 1e-9;
  LossSums loss;
  PhaseTimes sum;
  for (std::size_t r = 0; r < results_.size(); ++r) {
    loss.add(results_[r]);
    finished.rows_sent_away += results_[r].rows_from_others;
    finished.sent += dones_[r].sent;
    metrics.balance_loss += results_[r].balance_loss_sum;
    finished.rows_received.push_back(results_[r].rows_received);
    finished.times.push_back(dones_[r].times);
    finished.memory.push_back(dones_[r].memory);
    finished.programs.push_back(dones_[r].program);
    sum += dones_[r].times;
    add_seconds(finished.op_seconds, dones_[r].op_seconds);
  }
  window_.add(counts_);
  metrics.step = step_ + 1;
  metrics.generation = membership_.generation;
  metrics.tokens = loader_->predicted_tokens(order_.index);
  metrics.loss = loss.main / static_cast<double>(metrics.tokens);
  for (const double sum_of_depth : loss.mtp) {
    const int depth = static_cast<int>(metrics.mtp_loss.size()) + 1;
    metrics.mtp_loss.push_back(
        sum_of_depth / static_cast<double>(std::max<std::int64_t>(1, loader_->predicted_tokens(order_.index, depth))));
  }
  metrics.balance_loss /= static_cast<double>(metrics.tokens);
  metrics.mtp_lambda = order_.mtp_lambda;
  metrics.step_seconds = seconds;
  metrics.tokens_per_s = seconds > 0 ? static_cast<double>(metrics.tokens) / seconds : 0;
  metrics.mfu = peak_flops_ > 0 ? metrics.tokens_per_s * flops_per_token_ / peak_flops_ : 0;
  metrics.grad_norm = gradient_norm_;
  metrics.lr = lr_;
  metrics.max_vio = mean_max_vio(counts_);
  metrics.max_vio_global = window_.max_vio();
  metrics.bubble = sum.total() > 0 ? sum.idle / sum.total() : 0;
  metrics.phases = sum / static_cast<double>(results_.size());
  for (const RoundDone& done : dones_)
    metrics.memory_peak_bytes = std::max(metrics.memory_peak_bytes, done.memory.peak_total);
  finished.expert_counts = counts_;
  progress_.push_back(std::move(finished));
}

std::vector<Order> CoordinatorCore::on_saved(ShardSaved saved) {
  if (phase_ == Phase::finished) return {};
  shards_[static_cast<std::size_t>(saved.rank)] = std::move(saved);
  ++num_here_;
  if (!all_here()) return {};
  phase_ = Phase::committing;
  save_ = {step_, shards_, biases_, validated_, 0};
  commit_is_new_ = true;
  return {};
}

std::optional<SaveFinished> CoordinatorCore::take_commit() {
  if (!std::exchange(commit_is_new_, false) || phase_ != Phase::committing) return std::nullopt;
  return save_;
}

std::vector<Order> CoordinatorCore::on_committed(std::int64_t now_ns) {
  if (phase_ != Phase::committing) return {};
  save_.seconds = static_cast<double>(now_ns - round_start_ns_) * 1e-9;
  saved_ = true;
  progress_.push_back(std::exchange(save_, {}));
  return next_round(now_ns);
}

std::vector<Order> CoordinatorCore::on_commit_failed(const std::string& why) {
  return on_failure(Outcome::storage_failed, fmt::format("the checkpoint of step {}: {}", step_, why));
}

std::vector<Order> CoordinatorCore::on_fault(const DeviceFault& fault, std::string words) {
  if (phase_ == Phase::finished) return {};
  const Outcome outcome = fault.cause == FaultCause::storage ? Outcome::storage_failed : Outcome::failed;
  return finish({outcome, std::move(words), fault});
}

std::vector<Order> CoordinatorCore::on_failure(Outcome outcome, std::string cause) {
  if (phase_ == Phase::finished) return {};
  return finish({outcome, std::move(cause), {}});
}

std::vector<Order> CoordinatorCore::on_stop_request() {
  if (phase_ == Phase::finished) return {};
  if (stop_requested_) return finish({Outcome::aborted, "stopped without a checkpoint", {}});
  stop_requested_ = true;
  return {};
}

std::vector<Progressed> CoordinatorCore::take_progress() { return std::exchange(progress_, {}); }

}  // namespace dsrun
