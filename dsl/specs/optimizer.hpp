// [optimizer]: the update of the weights, and how it changes over a run.
#pragma once

#include <cstdint>
#include <string>

namespace dsrun {

enum class Moments : std::uint8_t { fp32, bf16 };
enum class WarmupFrom : std::uint8_t { first, zero };  // learning rate of step s: (s + 1) / warm-up steps of lr, or s /
enum class Decay : std::uint8_t { matrices, all };     // which parameters have weight decay

// [optimizer]: AdamW. models/recipe.hpp has the phases of the learning rate.
struct OptimizerSpec {
  std::string kind;
  double lr = 0;
  double final_lr = 0;
  std::int64_t warmup_steps = 0;
  WarmupFrom warmup_from = WarmupFrom::first;
  double constant_tokens = 0;
  double decay_tokens = 0;  // 0: to the last step
  double final_tokens = 0;  // 0: to the last step
  double last_lr = 0;
  double phase_tokens = 0;  // length of the run that token counts are scaled from; 0: they are not scaled
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weight_decay = 0;
  Decay decay = Decay::matrices;
  double clip_norm = 0;  // 0: no clipping
  // Weight of the prediction modules' mean loss: mtp_lambda during the first mtp_lambda_until_tokens tokens, then
  // mtp_lambda_late.
  double mtp_lambda = 0;
  double mtp_lambda_late = 0;
  double mtp_lambda_until_tokens = 0;
  Moments moments = Moments::fp32;
  double ema_decay = 0;  // 0: no average of the weights
  bool operator==(const OptimizerSpec&) const = default;
};

}  // namespace dsrun
