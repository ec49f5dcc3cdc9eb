#include "runtime/device/local_model.hpp"

#include <algorithm>
#include <stdexcept>

#include "runtime/kernels/dispatch_dtype.hpp"

namespace dsrun {
namespace {

Job job_of_one_device(const ModelSpec& model, Precision precision, int longest) {
  Job job;
  job.run.name = "local";
  job.model = model;
  job.parallel.schedule = "1f1b";
  job.parallel.layers_per_stage = {model.layers};
  job.batch = {1, longest, 1};
  job.balance.load_factor = 1;
  job.precision.compute = precision;
  job.cluster.nodes = {{"localhost", 1, "cpu"}};
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

// The tokens in hand, then zeros: attention is causal and no token is dropped, so what follows changes nothing before.
class LocalModel::Prompt : public TokenSource {
 public:
  explicit Prompt(int longest) : tokens_(static_cast<std::size_t>(longest) + 1, 0) {}
  void set(std::span<const std::int32_t> tokens) {
    std::fill(std::copy(tokens.begin(), tokens.end(), tokens_.begin()), tokens_.end(), 0);
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t training_size() const override { return 0; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    std::copy_n(tokens_.begin() + position, count, tokens);
  }

 private:
  std::vector<std::int32_t> tokens_;
};

LocalModel::LocalModel(const Pretrained& pretrained, Precision precision, int longest)
    : prompt_(std::make_shared<Prompt>(longest)) {
  const Job job = job_of_one_device(pretrained.config.model, precision, longest);
  core_ = std::make_unique<DeviceCore>(std::make_shared<const Plan>(make_plan(job)), 0,
                                       std::make_shared<const BatchLoader>(job, prompt_), DeviceUse::forward_only);
  load_weights(pretrained, core_->parameters());
  core_->set_biases(load_biases(pretrained));
}

LocalModel::~LocalModel() = default;

std::vector<float> LocalModel::logits(std::span<const std::int32_t> tokens, std::size_t first) {
  const std::size_t longest = static_cast<std::size_t>(prompt_->size()) - 1;
  if (tokens.empty() || tokens.size() > longest || first >= tokens.size())
    throw std::invalid_argument("a forward pass needs between one token and the model's longest sequence");
  prompt_->set(tokens);
  std::vector<float> logits;
  core_->observe_head([&](const TensorView& hidden, const TensorView& head) {
    logits = multiply_head(hidden, head, first, tokens.size() - first);
  });
  core_->on_round({++round_, RoundKind::evaluate, 0});
  while (!core_->take_done()) {
    core_->pump();
    core_->take_outgoing();
  }
  core_->take_result();
  return logits;
}

}  // namespace dsrun
