// CoordinatorCore: the job's one decision maker, as a state machine without actors.
//
// It drives rounds (training steps, validation batches). It turns the ranks' sums into one gradient scale, and the
// ranks' expert counts into changes of the biases. It decides when to validate, to save and to stop. Everything that a
// rank must not decide alone is decided here. Sums run in rank order, never in order of arrival (N-2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "actors/core/progressed.hpp"
#include "cluster/membership.hpp"
#include "cluster/plan.hpp"
#include "runtime/data/loader.hpp"
#include "runtime/device/protocol.hpp"
#include "runtime/metrics/metrics.hpp"

namespace dsrun {

using Order = std::variant<RoundOrder, UpdateOrder, SaveOrder, StopOrder>;

struct StartState {
  std::int64_t step = 0;                   // steps already made
  std::vector<std::vector<float>> biases;  // empty: zeros
  bool validated = false;                  // at this step, already
  double peak_flops = 0;                   // of all devices together, measured; 0: unknown, MFU is reported as 0
};

// Σ cross entropy of the main model and of each prediction depth.
struct LossSums {
  double main = 0;
  std::vector<double> mtp{};
  void add(const RoundResult& result);
};

class CoordinatorCore {
 public:
  CoordinatorCore(Membership membership, std::shared_ptr<const BatchLoader> loader, StartState start);

  // Each returns what to send to every device now, in this order. All times come from one monotonic clock.
  std::vector<Order> on_ready(int rank, std::int64_t now_ns);  // once per rank, after its state is in place
  std::vector<Order> on_result(RoundResult result);
  std::vector<Order> on_done(RoundDone done, std::int64_t now_ns);
  std::vector<Order> on_saved(ShardSaved saved);
  std::vector<Order> on_fault(const DeviceFault& fault, std::string words);
  // Ends the job for a cause outside the devices.
  std::vector<Order> on_failure(Outcome outcome, std::string cause);

  // The save that the caller has to commit, once every shard is written. No order is given until the caller answers
  // with on_committed() or on_commit_failed(); the latter ends the job as storage_failed.
  std::optional<SaveFinished> take_commit();
  std::vector<Order> on_committed(std::int64_t now_ns);
  std::vector<Order> on_commit_failed(const std::string& why);

  // Finish the running step, save, stop. A second call stops without saving.
  std::vector<Order> on_stop_request();
  // Save after the running step and go on.
  void request_save() { save_requested_ = true; }

  std::vector<Progressed> take_progress();
  bool finished() const { return phase_ == Phase::finished; }
  std::int64_t step() const { return step_; }
  const std::vector<std::vector<float>>& biases() const { return biases_; }

 private:
  enum class Phase : std::uint8_t { starting, training, validating, saving, committing, finished };

  std::vector<Order> next_round(std::int64_t now_ns);
  std::vector<Order> start_round(RoundKind kind, std::int64_t index, std::int64_t now_ns);
  std::vector<Order> start_save(std::int64_t now_ns);
  std::vector<Order> finish(JobFinished finished);
  std::vector<Order> update();
  std::string name_not_finite() const;
  void record_step(std::int64_t now_ns);
  std::vector<Order> after_training_step(std::int64_t now_ns);
  std::vector<Order> after_validation_batch(std::int64_t now_ns);
  bool all_here() const { return num_here_ == plan_->mesh.size(); }

  Membership membership_;
  std::shared_ptr<const Plan> plan_;  // the membership's
  std::shared_ptr<const BatchLoader> loader_;
  Phase phase_ = Phase::starting;
  std::int64_t step_;  // steps made
  std::vector<std::vector<float>> biases_;
  std::uint64_t round_ = 0;
  RoundOrder order_;
  int num_here_ = 0;  // ranks that are ready, have finished the round, or have saved
  int num_results_ = 0;
  std::vector<RoundResult> results_;
  std::vector<RoundDone> dones_;
  std::vector<ShardSaved> shards_;
  LoadWindow window_;
  std::vector<std::vector<std::int64_t>> counts_;  // of the running step, over all ranks
  double lr_ = 0;
  double peak_flops_;
  double flops_per_token_;
  std::int64_t round_start_ns_ = 0;
  double gradient_norm_ = 0;
  LossSums validation_loss_;
  std::int64_t validation_batch_ = 0;
  bool validated_;  // since the last step
  bool saved_;      // since the last step; a job without steps saves its initial state
  bool save_requested_ = false;
  bool stop_requested_ = false;
  SaveFinished save_;  // the one that is to count, while committing
  bool commit_is_new_ = false;
  std::vector<Progressed> progress_;
};

}  // namespace dsrun
