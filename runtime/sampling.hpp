// Choosing a next token from logits.
#pragma once

#include <cstdint>
#include <span>

namespace dsrun {

struct Sampling {
  double temperature = 1;  // divides the logits; 0: always the likeliest token, ties to the lowest
  double top_p = 1;        // the smallest set of likeliest tokens that holds this much probability (arXiv 1904.09751)
  std::uint64_t seed = 1;
};

// The token for draw `number` of a text: a function of logits, sampling and number alone. Precondition: logits not
// empty.
std::int32_t sample_token(std::span<const float> logits, const Sampling& sampling, std::uint64_t number);

}  // namespace dsrun
