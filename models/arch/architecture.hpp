// Architecture: everything that is specific to a family of models, as one row. Other code asks the row of its model and
// names no architecture. Only the table of rows (architecture.cpp) includes models/arch/NAME/.
//
// To add one, make a folder models/arch/NAME/ with its functions and its row, and add the row to architectures().
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/arch/hugging_face.hpp"
#include "models/graph.hpp"

namespace dsrun {

// A size of a model that does not fit the other sizes.
struct ModelFault {
  std::string_view key;  // of [model] in a job file
  std::string message;
};

// Gives the name that the user's file has for a key of [model], for messages.
using NameKey = std::function<std::string_view(std::string_view key)>;

struct Architecture {
  std::string_view name;               // of its folder
  std::string_view hugging_face_name;  // the class in transformers
  RecomputeSets recompute_sets;        // those that its graphs mark
  // Checks whether the sizes fit together; empty: they do. Precondition: each is in its own key's range.
  std::vector<ModelFault> (*validate)(const ModelSpec& model, const NameKey& name);
  Graph (*build)(const ModelSpec& model);
  HuggingFaceConfigResult (*read_config)(std::string_view text, const std::string& file_name,
                                         const std::vector<std::string>& accept);
  std::string (*write_config)(const HuggingFaceConfig& config, std::string_view dtype);
  std::string (*update_config)(std::string_view text, const HuggingFaceConfig& config, std::string_view dtype,
                               bool keeps_tokens);
  std::vector<HuggingFaceTensor> (*tensors)(const Graph& graph, const ModelSpec& model, const ParamNames& whole);
  // How many tensors() gives.
  std::int64_t (*num_tensors)(const Graph& graph, const ModelSpec& model, const ParamNames& whole);
  std::vector<HuggingFaceTensor> (*whole_experts)(const Graph& graph);
};

std::span<const Architecture* const> architectures();
const Architecture& architecture_of(const ModelSpec& model);

}  // namespace dsrun
