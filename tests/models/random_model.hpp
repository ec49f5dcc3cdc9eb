// Small models of random sizes, and cuts of them into stages.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "dsl/specs/model.hpp"

namespace dsrun::test {

using Random = std::mt19937;

inline int pick(Random& random, int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); }

inline ModelSpec random_model(Random& random) {
  ModelSpec model;
  model.layers = pick(random, 1, 7);
  model.dense_layers = pick(random, 0, model.layers);
  model.hidden = pick(random, 1, 40);
  model.heads = pick(random, 1, 5);
  model.q_rank = pick(random, 0, 2) * 7;
  model.kv_rank = pick(random, 1, 20);
  model.nope_dim = pick(random, 1, 12);
  model.rope_dim = 2 * pick(random, 1, 6);
  model.value_dim = pick(random, 1, 12);
  model.experts = 4 * pick(random, 1, 4);
  model.experts_per_token = pick(random, 1, 4);
  model.expert_groups = 2;
  model.groups_per_token = 2;
  model.shared_experts = pick(random, 0, 2);
  model.expert_hidden = pick(random, 1, 15);
  model.dense_hidden = pick(random, 1, 30);
  model.norm_eps = 1e-6;
  model.vocab_size = pick(random, 2, 300);
  return model;
}

// Bounds of stages: 0 = b₀ < b₁ < … = layers.
inline std::vector<int> random_cuts(Random& random, int layers) {
  std::vector<int> bounds = {0};
  for (int layer = 1; layer < layers; ++layer)
    if (pick(random, 0, 1) == 1) bounds.push_back(layer);
  bounds.push_back(layers);
  return bounds;
}

}  // namespace dsrun::test
