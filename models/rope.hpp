// The angles of rotary position embedding, and how YaRN (arXiv 2309.00071) changes them to lengthen the context. Op
// attributes and the table of cosines and sines use these values, computed once, in doubles.
#pragma once

#include <cstdint>
#include <vector>

#include "dsl/specs/model.hpp"

namespace dsrun {

// Radians per position, for each of `pairs` pairs. Without YaRN pair i has theta^(−i / pairs). With YaRN, pairs that
// turn more than beta_fast times within the original length keep this frequency. For pairs that turn less than
// beta_slow times it is divided by the factor. In between, a linear ramp mixes both (section 3.2; the ramp's ends are
// whole pairs).
std::vector<double> rope_frequencies(std::int64_t pairs, double theta, const YarnSpec& yarn);

// The factor of cosines and sines: 1 without YaRN; m(mscale) / m(mscale_all_dim) if both are set, else m(1), where m(s)
// = 0.1 · s · ln(factor) + 1.
double rope_magnitude(const YarnSpec& yarn);

// The factor of attention's scores: (nope_dim + rope_dim)^−½, with YaRN times m(mscale_all_dim)².
double attention_scale(const ModelSpec& model);

}  // namespace dsrun
