// Rotary position embedding's angles, and what YaRN (arXiv 2309.00071) changes of them to lengthen the context. Used by
// op attributes and by the table of cosines and sines; in doubles, computed once.
#pragma once

#include <cstdint>
#include <vector>

#include "dsl/specs/model.hpp"

namespace dsrun {

// Radians a position of each of `pairs` pairs. Without YaRN theta^(−i / pairs). With it, pairs that turn more than
// beta_fast times within the original length keep their frequency, those that turn less than beta_slow times have it
// divided by the factor, and in between a linear ramp mixes both (section 3.2; the ramp's ends are whole pairs).
std::vector<double> rope_frequencies(std::int64_t pairs, double theta, const YarnSpec& yarn);

// What cosines and sines are multiplied by: 1 without YaRN; m(mscale) / m(mscale_all_dim) if both are set, else m(1),
// where m(s) = 0.1 · s · ln(factor) + 1.
double rope_magnitude(const YarnSpec& yarn);

// (nope_dim + rope_dim)^−½, with YaRN times m(mscale_all_dim)².
double attention_scale(const ModelSpec& model);

}  // namespace dsrun
