#include "runtime/device/local_model.hpp"

#include <algorithm>
#include <stdexcept>

#include "dsl/device_kind.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

Job job_of_one_device(const ModelSpec& model, const LocalOptions& options) {
  Job job;
  job.run.name = "local";
  job.model = model;
  if (!options.prediction_modules) job.model.mtp_depth = 0;
  job.parallel.schedule = "1f1b";
  job.parallel.layers_per_stage = {model.layers};
  job.batch = {options.sequences, options.longest, 1};
  job.balance.load_factor = 1;
  job.precision.compute = options.precision;
  job.cluster.nodes = {{"localhost", 1, std::string(cpu_kind)}};
  job.cluster.threads_per_device = options.num_threads;
  return job;
}

// rows_Td · head_Wdᵀ, in the type of `hidden`, accumulated wide.
std::vector<float> multiply_head(const TensorView& hidden, const TensorView& head, std::size_t first,
                                 std::size_t count) {
  std::vector<float> logits;
  dispatch_dtype(hidden.dtype, [&]<class T>(T) {
    using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
    for (std::size_t t = first; t < first + count; ++t)
      for (std::int64_t w = 0; w < head.rows; ++w) {
        const T* x = hidden.row<T>(static_cast<std::int64_t>(t));
        const T* column = head.row<T>(w);
        Wide sum = 0;
        for (std::int64_t i = 0; i < head.cols; ++i) sum += static_cast<Wide>(x[i]) * static_cast<Wide>(column[i]);
        logits.push_back(static_cast<float>(sum));
      }
  });
  return logits;
}

}  // namespace

// What the loader reads, all of it validation: a stream of somebody's, or the tokens of a prompt and then zeros, which
// change nothing before them: attention is causal and no token is dropped.
class LocalModel::Stream : public TokenSource {
 public:
  void set(std::shared_ptr<const TokenSource> source) { source_ = std::move(source); }
  void set(std::span<const std::int32_t> tokens, std::size_t size) {
    source_.reset();
    prompt_.assign(tokens.begin(), tokens.end());
    prompt_.resize(size, 0);
  }
  std::int64_t size() const override { return source_ ? source_->size() : static_cast<std::int64_t>(prompt_.size()); }
  std::int64_t training_size() const override { return 0; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    if (source_) return source_->copy(position, count, tokens);
    std::copy_n(prompt_.begin() + position, count, tokens);
  }

 private:
  std::shared_ptr<const TokenSource> source_;
  std::vector<std::int32_t> prompt_;
};

LocalModel::LocalModel(const ModelSpec& model, const LocalOptions& options,
                       const std::function<void(DeviceCore&)>& load)
    : stream_(std::make_shared<Stream>()) {
  const Job job = job_of_one_device(model, options);
  plan_ = std::make_shared<const Plan>(make_plan(job));
  loader_ = std::make_shared<BatchLoader>(job, stream_);
  core_ = std::make_unique<DeviceCore>(plan_, 0, loader_, DeviceUse::forward_only);
  load(*core_);
}

LocalModel::LocalModel(const Pretrained& pretrained, const LocalOptions& options)
    : LocalModel(pretrained.config.model, options, [&](DeviceCore& core) {
        load_weights(pretrained, core.parameters());
        core.set_biases(load_biases(pretrained, core.context().plan->job.model));
      }) {}

LocalModel::~LocalModel() = default;

RoundResult LocalModel::forward(std::int64_t batch) {
  core_->on_round({++round_, RoundKind::evaluate, batch, 0, 0});
  while (!core_->take_done()) {
    core_->pump();
    core_->take_outgoing();
  }
  return *core_->take_result();
}

std::vector<float> LocalModel::logits(std::span<const std::int32_t> tokens, std::size_t first, int depth) {
  const BatchSpec& batch = plan_->job.batch;
  if (tokens.empty() || tokens.size() > static_cast<std::size_t>(batch.length) || first >= tokens.size())
    throw std::invalid_argument("a forward pass needs between one token and the model's longest sequence");
  stream_->set(tokens, static_cast<std::size_t>(batch.length) * static_cast<std::size_t>(batch.sequences) + 1);
  *loader_ = BatchLoader(plan_->job, stream_);
  std::vector<float> logits;
  core_->observe_head([&](int of, const TensorView& hidden, const TensorView& head) {
    if (of == depth) logits = multiply_head(hidden, head, first, tokens.size() - first);
  });
  forward(0);
  core_->observe_head(nullptr);
  return logits;
}

namespace {

// Compares what the main model and the first prediction module find likeliest. The main head comes first.
class Drafts {
 public:
  explicit Drafts(Evaluation& sum) : sum_(sum) {}

  void hear(int depth, const SequenceBatch& batch, std::span<const std::int32_t> likeliest) {
    if (depth == 0) main_.assign(likeliest.begin(), likeliest.end());
    if (depth != 1) return;
    const auto length = static_cast<std::size_t>(batch.length);
    for (std::size_t t = 0; t + 1 < main_.size(); ++t) {
      if ((t + 1) % length == 0 || batch.mask[main_.size() + t] == 0) continue;
      ++sum_.drafted;
      sum_.accepted += likeliest[t] == main_[t + 1] ? 1 : 0;
    }
  }

 private:
  Evaluation& sum_;
  std::vector<std::int32_t> main_;
};

void add_counts(std::vector<std::vector<std::int64_t>>& sum, const std::vector<std::vector<std::int64_t>>& counts) {
  if (sum.empty()) sum.assign(counts.size(), std::vector<std::int64_t>(counts.empty() ? 0 : counts[0].size()));
  for (std::size_t layer = 0; layer < sum.size(); ++layer)
    std::transform(sum[layer].begin(), sum[layer].end(), counts[layer].begin(), sum[layer].begin(), std::plus<>());
}

}  // namespace

Evaluation LocalModel::evaluate(std::shared_ptr<const TokenSource> source) {
  stream_->set(std::move(source));
  *loader_ = BatchLoader(plan_->job, stream_);
  Evaluation sum;
  sum.tokens = loader_->validation_tokens();
  for (int depth = 1; depth <= plan_->job.model.mtp_depth; ++depth)
    sum.mtp.push_back({0, loader_->validation_targets(depth)});
  Drafts drafts(sum);
  if (!sum.mtp.empty())
    core_->observe_predictions([&](int depth, const SequenceBatch& batch, std::span<const std::int32_t> likeliest) {
      drafts.hear(depth, batch, likeliest);
    });
  for (std::int64_t batch = 0; batch < loader_->num_validation_batches(); ++batch) {
    const RoundResult result = forward(batch);
    sum.loss_sum += result.loss_sum;
    for (std::size_t depth = 0; depth < sum.mtp.size(); ++depth) sum.mtp[depth].loss_sum += result.mtp_loss_sums[depth];
    add_counts(sum.expert_counts, result.expert_counts);
  }
  core_->observe_predictions(nullptr);
  return sum;
}

}  // namespace dsrun
