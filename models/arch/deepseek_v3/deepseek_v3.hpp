// DeepSeek-V3 (arXiv 2412.19437) as a row of the table of architectures. Its class in transformers is
// DeepseekV3ForCausalLM.
#pragma once

#include "models/arch/architecture.hpp"

namespace dsrun::deepseek_v3 {

std::vector<ModelFault> validate(const ModelSpec& model, const NameKey& name);
Graph build(const ModelSpec& model);
HuggingFaceConfigResult read_config(std::string_view text, const std::string& file_name,
                                    const std::vector<std::string>& accept);
std::string write_config(const HuggingFaceConfig& config, std::string_view dtype);
std::string update_config(std::string_view text, const HuggingFaceConfig& config, std::string_view dtype,
                          bool keeps_tokens);
std::vector<HuggingFaceTensor> tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole);
std::int64_t num_tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole);
std::vector<HuggingFaceTensor> whole_experts(const Graph& graph);

inline constexpr Architecture row = {
    "deepseek_v3",
    "DeepseekV3ForCausalLM",
    recompute_set(RecomputeSet::rms_norm) | recompute_set(RecomputeSet::mla_up) | recompute_set(RecomputeSet::swiglu),
    validate,
    build,
    read_config,
    write_config,
    update_config,
    tensors,
    num_tensors,
    whole_experts};

}  // namespace dsrun::deepseek_v3
