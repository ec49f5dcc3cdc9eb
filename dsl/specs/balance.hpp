// [balance]: how experts are kept evenly loaded.
#pragma once

#include <cstdint>

namespace dsrun {

// Which choice of experts the sequence-wise balance loss counts.
//  - paper: the best of all scores, arXiv 2412.19437 equation 18, as in megatron-core: no biases, no limit of groups
//  - unbiased: without biases, within the groups that a token may use
//  - biased: the choice that routes the token
enum class ScoresCounted : std::uint8_t { paper, unbiased, biased };

// [balance]
struct BalanceSpec {
  double bias_speed = 0;  // gamma of arXiv 2408.15664; 0: biases stay as they are
  double bias_speed_late = 0;
  double bias_speed_until_tokens = 0;
  double sequence_alpha = 0;  // weight of the sequence-wise loss, arXiv 2412.19437 equations 17–20
  ScoresCounted sequence_scores = ScoresCounted::paper;
  double load_factor = 0;  // routed rows for which a rank's memory is planned, divided by their mean number
  bool operator==(const BalanceSpec&) const = default;
};

}  // namespace dsrun
