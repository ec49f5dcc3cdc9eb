// Models that several tests name: a small one, and the published one.
#pragma once

#include "dsl/specs/model.hpp"

namespace dsrun::test {

inline ModelSpec small_model() {
  ModelSpec model;
  model.layers = 2;
  model.dense_layers = 1;
  model.hidden = 16;
  model.heads = 2;
  model.q_rank = 8;
  model.kv_rank = 6;
  model.nope_dim = 4;
  model.rope_dim = 2;
  model.value_dim = 3;
  model.experts = 8;
  model.experts_per_token = 2;
  model.shared_experts = 1;
  model.expert_hidden = 5;
  model.dense_hidden = 20;
  model.vocab_size = 256;
  return model;
}

// arXiv 2412.19437, section 4.2.
inline ModelSpec deepseek_v3() {
  ModelSpec model;
  model.layers = 61;
  model.dense_layers = 3;
  model.hidden = 7168;
  model.heads = 128;
  model.q_rank = 1536;
  model.kv_rank = 512;
  model.nope_dim = 128;
  model.rope_dim = 64;
  model.value_dim = 128;
  model.experts = 256;
  model.experts_per_token = 8;
  model.expert_groups = 8;
  model.groups_per_token = 4;
  model.shared_experts = 1;
  model.expert_hidden = 2048;
  model.dense_hidden = 18432;
  model.vocab_size = 129280;
  return model;
}

}  // namespace dsrun::test
