// Architecture: everything that a family of models has of its own, as one row. Others ask the row of the model at hand
// and name no architecture; models/arch/NAME/ is included by its row's table alone (architecture.cpp).
//
// To add one: a folder models/arch/NAME/ with its functions and its row, and the row's place in architectures().
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/arch/hugging_face.hpp"
#include "models/graph.hpp"

namespace dsrun {

// A size of a model that does not fit the others.
struct ModelFault {
  std::string_view key;  // of [model] in a job file
  std::string message;
};

// What a file calls a key of [model]; messages name the user's keys.
using NameKey = std::function<std::string_view(std::string_view key)>;

struct Architecture {
  std::string_view name;               // of its folder
  std::string_view hugging_face_name;  // the class in transformers
  RecomputeSets recompute_sets;        // those that its graphs mark
  // Whether the sizes fit together; each is in its own key's range. Empty: they do.
  std::vector<ModelFault> (*validate)(const ModelSpec& model, const NameKey& name);
  Graph (*build)(const ModelSpec& model);
  HuggingFaceConfigResult (*read_config)(std::string_view text, const std::string& file_name);
  std::string (*write_config)(const HuggingFaceConfig& config, std::string_view dtype);
  std::vector<HuggingFaceTensor> (*tensors)(const Graph& graph, const ModelSpec& model);
  std::int64_t (*num_tensors)(const Graph& graph, const ModelSpec& model);  // how many tensors() gives
};

std::span<const Architecture* const> architectures();
const Architecture& architecture_of(const ModelSpec& model);

}  // namespace dsrun
