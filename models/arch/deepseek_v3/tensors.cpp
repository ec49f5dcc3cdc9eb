// Parameters carry Hugging Face's names but for two things (models/arch/deepseek_v3/build.cpp): gate_proj and
// up_proj are one parameter, the gate's rows first, and all routed experts of a layer are one.
#include <cassert>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "models/arch/deepseek_v3/deepseek_v3.hpp"

namespace dsrun::deepseek_v3 {
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

HuggingFaceTensor whole(const Param& param) {
  constexpr std::string_view ending = ".weight";
  return {param.name.substr(0, param.name.size() - ending.size()),
          {param.experts, param.rows, param.cols},
          param.name,
          -1,
          0,
          param.size()};
}

void add_parts(const Param& param, std::vector<HuggingFaceTensor>& all) {
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
      all.push_back({std::move(each), dims, param.name, -1, begin, rows * param.cols});
      begin += rows * param.cols;
    }
  }
}

}  // namespace

std::vector<HuggingFaceTensor> whole_experts(const Graph& graph) {
  std::vector<HuggingFaceTensor> all;
  for (const Param& param : graph.params)
    if (param.experts > 0) all.push_back(whole(param));
  return all;
}

std::vector<HuggingFaceTensor> tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole_params) {
  std::vector<HuggingFaceTensor> all;
  for (const Param& param : graph.params)
    if (whole_params.contains(param.name))
      all.push_back(whole(param));
    else
      add_parts(param, all);
  for (std::size_t moe = 0; moe < graph.moe_layers.size(); ++moe)
    all.push_back({fmt::format("model.layers.{}.mlp.gate.e_score_correction_bias", graph.moe_layers[moe]),
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
      all.push_back({name, {param.rows, param.cols}, param.name, -1, 0, param.size(), true});
    }
  }
  return all;
}

std::int64_t num_tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole_params) {
  std::int64_t total = static_cast<std::int64_t>(graph.moe_layers.size()) + 2 * model.mtp_depth;
  for (const Param& param : graph.params) {
    const std::int64_t parts = (is_fused(param) ? 2 : 1) * (param.experts > 0 ? param.experts : 1);
    total += whole_params.contains(param.name) ? 1 : parts;
  }
  return total;
}

}  // namespace dsrun::deepseek_v3
