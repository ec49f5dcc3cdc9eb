// LocalModel: a whole model on one device of this process, forward only: what evaluation, generation and comparisons
// with a reference need.
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
  int sequences = 1;  // of a forward pass
  int num_threads = 1;
  bool prediction_modules = false;  // run them too
};

// What a pass over some tokens gave.
struct Evaluation {
  double loss_sum = 0;  // nats
  std::int64_t tokens = 0;
  std::vector<std::vector<std::int64_t>> expert_counts;  // [MoE layer][expert]
  struct PredictionDepth {
    double loss_sum = 0;  // nats
    std::int64_t tokens = 0;
  };
  std::vector<PredictionDepth> mtp{};
  // Where the first module names a token that the main model, one position on, has to name as well: how often it does,
  // each taking its likeliest. Its drafts of a speculative decoding would be accepted that often.
  std::int64_t drafted = 0, accepted = 0;
};

class LocalModel {
 public:
  // `load` puts weights and biases in place of random ones.
  LocalModel(const ModelSpec& model, const LocalOptions& options, const std::function<void(DeviceCore&)>& load);
  LocalModel(const Pretrained& pretrained, const LocalOptions& options);
  ~LocalModel();

  // Logits of positions [first, tokens.size()): [positions × vocabulary], row-major. 1 ≤ tokens.size() ≤ longest. Those
  // of prediction module `depth` read the tokens `depth` ahead, zeros where there are none.
  std::vector<float> logits(std::span<const std::int32_t> tokens, std::size_t first = 0, int depth = 0);
  // Predicts every token of the stream but the first, in sequences of `longest` that do not see each other.
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
