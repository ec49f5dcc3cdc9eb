// Models of other names with DeepSeek-V3's arithmetic. Each differs in the names and defaults of its config.json alone.
//
// To add one, add a row (siblings.cpp) and a model to tests/fixtures/make_siblings.py, which compares its numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/specs/model.hpp"

namespace dsrun::deepseek_v3 {

struct Sibling {
  std::string_view model_type;                  // in config.json
  std::vector<std::string_view> architectures;  // classes that its config.json may name; the first is written
  // Defaults of transformers that are not those of DeepSeek-V3.
  std::vector<std::pair<int ModelSpec::*, int>> sizes{};
  std::vector<std::pair<double ModelSpec::*, double>> numbers{};
  std::int64_t max_length = 4096;
  // Which layers are dense: the first first_k_dense_replace, those that mlp_layer_types lists, or all.
  enum class Dense : std::uint8_t { first, listed, all } dense = Dense::first;
  bool ties_embedding = false;  // where tie_word_embeddings is missing, and then the model is refused
  // Other names of keys, and a rope type that means yarn.
  std::vector<std::pair<std::string_view, std::string_view>> aliases{};
  std::string_view yarn_too{};
  std::vector<std::string_view> harmless{};
};

const std::vector<Sibling>& siblings();  // DeepSeek-V3 itself is the first

}  // namespace dsrun::deepseek_v3
