#include "models/arch/hugging_face.hpp"

#include <cassert>
#include <utility>

#include "models/arch/architecture.hpp"

namespace dsrun {

HuggingFaceConfigResult parse_hugging_face_config(std::string_view text, const std::string& file_name,
                                                  const std::vector<std::string>& accept) {
  // A second row would be chosen by `model_type` and `architectures` in the text.
  return architecture_of({}).read_config(text, file_name, accept);
}

std::string update_hugging_face_config(std::string_view text, const HuggingFaceConfig& config, std::string_view dtype,
                                       bool keeps_tokens) {
  return architecture_of(config.model).update_config(text, config, dtype, keeps_tokens);
}

std::string write_hugging_face_config(const HuggingFaceConfig& config, std::string_view dtype) {
  return architecture_of(config.model).write_config(config, dtype);
}

std::vector<HuggingFaceTensor> whole_experts(const Graph& graph, const ModelSpec& model) {
  return architecture_of(model).whole_experts(graph);
}

HuggingFaceTable::HuggingFaceTable(const Graph& graph, const ModelSpec& model, const ParamNames& whole)
    : tensors_(architecture_of(model).tensors(graph, model, whole)) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const HuggingFaceTensor& tensor = tensors_[i];
    const bool is_new = by_name_.emplace(tensor.name, i).second;
    assert(is_new);
    static_cast<void>(is_new);
    if (!tensor.param.empty() && !tensor.is_copy) ++parts_.try_emplace(tensor.param, i, 0).first->second.second;
  }
}

std::int64_t HuggingFaceTable::num_tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole) {
  return architecture_of(model).num_tensors(graph, model, whole);
}

const HuggingFaceTensor* HuggingFaceTable::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

std::span<const HuggingFaceTensor> HuggingFaceTable::parts_of(std::string_view param) const {
  const auto found = parts_.find(std::string(param));
  if (found == parts_.end()) return {};
  return std::span(tensors_).subspan(found->second.first, found->second.second);
}

}  // namespace dsrun
