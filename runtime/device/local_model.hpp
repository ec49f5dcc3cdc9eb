// LocalModel: a whole model on one device of this process, forward only, for evaluation, generation and comparisons
// with a reference.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/device/device_core.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {

struct LocalOptions {
  Precision precision = Precision::fp32;
  int longest = 256;  // tokens of a sequence
  int sequences = 1;  // sequences of a forward pass
  int num_threads = 1;
  bool prediction_modules = false;  // run them too
};

// The results of a pass over some tokens.
struct Evaluation {
  double loss_sum = 0;  // nats
  std::int64_t tokens = 0;
  std::vector<std::vector<std::int64_t>> expert_counts;  // [MoE layer][expert]
  struct PredictionDepth {
    double loss_sum = 0;  // nats
    std::int64_t tokens = 0;
  };
  std::vector<PredictionDepth> mtp{};
  // Counts drafts of the first prediction module, and those that are the main model's likeliest token one position
  // later. Speculative decoding would accept its drafts at the rate accepted / drafted.
  std::int64_t drafted = 0, accepted = 0;
};

class LocalModel {
 public:
  // `load` replaces the random weights and biases.
  LocalModel(const ModelSpec& model, const LocalOptions& options, const std::function<void(DeviceCore&)>& load);
  LocalModel(const Pretrained& pretrained, const LocalOptions& options);
  ~LocalModel();

  // Logits of positions [first, tokens.size()): [positions × vocabulary], row-major. 1 ≤ tokens.size() ≤ longest.
  // Prediction module `depth` also reads the tokens `depth` ahead; after the last token it reads token 0.
  std::vector<float> logits(std::span<const std::int32_t> tokens, std::size_t first = 0, int depth = 0);
  // Predicts every token of the source except the first, in sequences of `longest` tokens that do not see each other.
  Evaluation evaluate(std::shared_ptr<const TokenSource> source);

 private:
  class Stream;
  RoundResult forward(std::int64_t batch);

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<BatchLoader> loader_;
  std::shared_ptr<const Plan> plan_;
  std::unique_ptr<DeviceCore> core_;
  std::uint64_t round_ = 0;
};

}  // namespace dsrun
