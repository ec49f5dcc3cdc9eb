// Parameters carry Hugging Face's names but for two things (models/arch/deepseek_v3/build_graph.cpp): gate_proj and
// up_proj are one parameter, the gate's rows first, and all routed experts of a layer are one.
#include "models/arch/deepseek_v3/hugging_face.hpp"

#include <cassert>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::string_view experts_part = ".mlp.experts.";
constexpr std::string_view fused_part = ".gate_up_proj.";
constexpr std::string_view embedding_name = "model.embed_tokens.weight";
constexpr std::string_view head_name = "lm_head.weight";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

bool is_fused(const Param& param) { return param.name.find(fused_part) != std::string::npos; }

const Param& param_of(const Graph& graph, std::string_view name) {
  for (const Param& param : graph.params)
    if (param.name == name) return param;
  assert(false && "every model has an embedding and a head");
  std::abort();
}

}  // namespace

HuggingFaceTable::HuggingFaceTable(const Graph& graph, const ModelSpec& model) {
  for (const Param& param : graph.params) add_parts(param);
  for (std::size_t moe = 0; moe < graph.moe_layers.size(); ++moe)
    add({fmt::format("model.layers.{}.mlp.gate.e_score_correction_bias", graph.moe_layers[moe]),
         {model.experts},
         "",
         static_cast<int>(moe),
         0,
         model.experts});
  for (int module = 0; module < model.mtp_depth; ++module) {
    const std::string layer = fmt::format("model.layers.{}.", model.layers + module);
    for (const auto& [name, of] : {std::pair(layer + "embed_tokens.weight", embedding_name),
                                   std::pair(layer + "shared_head.head.weight", head_name)}) {
      const Param& param = param_of(graph, of);
      add({name, {param.rows, param.cols}, param.name, -1, 0, param.size(), true});
    }
  }
}

std::int64_t HuggingFaceTable::num_tensors(const Graph& graph, const ModelSpec& model) {
  std::int64_t total = static_cast<std::int64_t>(graph.moe_layers.size()) + 2 * model.mtp_depth;
  for (const Param& param : graph.params) total += (is_fused(param) ? 2 : 1) * (param.experts > 0 ? param.experts : 1);
  return total;
}

void HuggingFaceTable::add_parts(const Param& param) {
  const std::size_t first = tensors_.size();
  const std::int64_t experts = param.experts > 0 ? param.experts : 1;
  std::int64_t begin = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    const std::string name =
        param.experts > 0 ? replaced(param.name, experts_part, fmt::format("{}{}.", experts_part, expert)) : param.name;
    std::vector<std::string> names = {name};
    if (is_fused(param)) names = {replaced(name, fused_part, ".gate_proj."), replaced(name, fused_part, ".up_proj.")};
    const std::int64_t rows = param.rows / static_cast<std::int64_t>(names.size());
    for (std::string& each : names) {
      const std::vector<std::int64_t> dims =
          param.is_matrix() ? std::vector{rows, param.cols} : std::vector{param.cols};
      add({std::move(each), dims, param.name, -1, begin, rows * param.cols});
      begin += rows * param.cols;
    }
  }
  parts_[param.name] = {first, tensors_.size() - first};
}

void HuggingFaceTable::add(HuggingFaceTensor tensor) {
  const bool is_new = by_name_.emplace(tensor.name, tensors_.size()).second;
  assert(is_new);
  static_cast<void>(is_new);
  tensors_.push_back(std::move(tensor));
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
