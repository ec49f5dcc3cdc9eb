// The number of parameters by formula from the sizes, for comparison with what the graph's parameters add up to.
#pragma once

#include "dsl/specs/model.hpp"

namespace dsrun::test {

inline std::int64_t attention_parameters(const ModelSpec& m) {
  const std::int64_t d = m.hidden, head_dim = m.nope_dim + m.rope_dim;
  const std::int64_t queries =
      m.q_rank > 0 ? d * m.q_rank + m.q_rank + m.q_rank * m.heads * head_dim : d * m.heads * head_dim;
  const std::int64_t keys = d * (m.kv_rank + m.rope_dim) + m.kv_rank +
                            static_cast<std::int64_t>(m.kv_rank) * m.heads * (m.nope_dim + m.value_dim);
  return queries + keys + static_cast<std::int64_t>(m.heads) * m.value_dim * d;
}

inline std::int64_t parameters_with_experts(const ModelSpec& m, std::int64_t experts) {
  const std::int64_t d = m.hidden;
  const std::int64_t expert = 3 * d * m.expert_hidden;
  const std::int64_t moe = experts * expert + m.shared_experts * expert + d * m.experts;
  const std::int64_t module = 3 * d + 2 * d * d;  // norms and projection of a prediction module
  return (m.layers + m.mtp_depth) * (attention_parameters(m) + 2 * d) + m.dense_layers * 3 * d * m.dense_hidden +
         m.moe_layers() * moe + m.mtp_depth * module + 2 * static_cast<std::int64_t>(m.vocab_size) * d + d;
}

inline std::int64_t parameters_by_formula(const ModelSpec& model) {
  return parameters_with_experts(model, model.experts);
}

inline std::int64_t active_parameters_by_formula(ModelSpec model) {
  model.mtp_depth = 0;
  return parameters_with_experts(model, model.experts_per_token) -
         static_cast<std::int64_t>(model.vocab_size) * model.hidden;
}

}  // namespace dsrun::test
