#include "dsl/presets.hpp"

#include <algorithm>
#include <array>

namespace dsrun {
namespace {

// Phases stretch from DeepSeek-V3's 14.8 T tokens to the job's. Steps are few, so the warm-up is short and biases move
// faster: by 0.01 they cross the range of the scores in a hundred steps. Sizes are the quickstart's: 5.6 M active
// parameters of 13.9 M, prediction module aside (`dsrun plan` prints them).
constexpr std::array tiny = {
    PresetValue{"optimizer.phase_tokens", "1.48e13"},
    PresetValue{"optimizer.lr", "2e-3"},
    PresetValue{"optimizer.final_lr", "2e-4"},
    PresetValue{"optimizer.last_lr", "7e-5"},
    PresetValue{"optimizer.warmup_steps", "20"},
    PresetValue{"optimizer.moments", "\"fp32\""},
    PresetValue{"balance.bias_speed", "1e-2"},
    PresetValue{"data.packing", "\"stream\""},
    PresetValue{"data.fim_rate", "0.0"},
    PresetValue{"model.init_std", "0.02"},
    PresetValue{"model.vocab", "\"byte\""},
    PresetValue{"model.layers", "8"},
    PresetValue{"model.dense_layers", "1"},
    PresetValue{"model.hidden", "256"},
    PresetValue{"model.heads", "8"},
    PresetValue{"model.q_rank", "96"},
    PresetValue{"model.kv_rank", "64"},
    PresetValue{"model.nope_dim", "32"},
    PresetValue{"model.rope_dim", "16"},
    PresetValue{"model.value_dim", "32"},
    PresetValue{"model.experts", "16"},
    PresetValue{"model.experts_per_token", "4"},
    PresetValue{"model.expert_groups", "4"},
    PresetValue{"model.groups_per_token", "2"},
    PresetValue{"model.expert_hidden", "128"},
    PresetValue{"model.dense_hidden", "768"},
};
// 0.74 M active of 1.66 M.
constexpr std::array tiny_1m = {
    PresetValue{"optimizer.lr", "4e-3"},      PresetValue{"optimizer.final_lr", "4e-4"},
    PresetValue{"model.layers", "4"},         PresetValue{"model.hidden", "128"},
    PresetValue{"model.heads", "4"},          PresetValue{"model.q_rank", "48"},
    PresetValue{"model.kv_rank", "32"},       PresetValue{"model.expert_hidden", "64"},
    PresetValue{"model.dense_hidden", "384"},
};
// 98 M active of 895 M.
constexpr std::array tiny_100m = {
    PresetValue{"optimizer.lr", "8e-4"},          PresetValue{"optimizer.final_lr", "8e-5"},
    PresetValue{"optimizer.warmup_steps", "200"}, PresetValue{"model.layers", "16"},
    PresetValue{"model.hidden", "768"},           PresetValue{"model.heads", "12"},
    PresetValue{"model.q_rank", "288"},           PresetValue{"model.kv_rank", "192"},
    PresetValue{"model.nope_dim", "64"},          PresetValue{"model.rope_dim", "32"},
    PresetValue{"model.value_dim", "64"},         PresetValue{"model.experts", "64"},
    PresetValue{"model.expert_groups", "8"},      PresetValue{"model.groups_per_token", "4"},
    PresetValue{"model.expert_hidden", "384"},    PresetValue{"model.dense_hidden", "2304"},
};

// DeepSeek-V3 on 64 GPUs, as popular accounts tell it: with 16 pipeline ranks and 4-way experts each GPU holds 1/64 of
// all expert weights. (64-way experts would take 64 GPUs for each pipeline rank.)
constexpr std::array essay64 = {
    PresetValue{"parallel.pipeline", "16"},
    PresetValue{"parallel.data", "4"},
    PresetValue{"parallel.expert", "4"},
    PresetValue{"parallel.schedule", "\"dualpipe\""},
    PresetValue{"batch.sequences", "15360"},
    PresetValue{"batch.length", "4096"},
    PresetValue{"batch.microbatches", "3840"},
    PresetValue{"precision.compute", "\"bf16\""},
    PresetValue{"precision.products", "\"fp8\""},
    PresetValue{"precision.saved", "\"fp8\""},
    PresetValue{"memory.recompute", "[\"rms_norm\", \"mla_up\", \"swiglu\"]"},
};

constexpr std::array table = {
    Preset{"deepseek-v3", "", {}},
    Preset{"deepseek-v3-tiny-1m", "deepseek-v3-tiny", tiny_1m},
    Preset{"deepseek-v3-tiny", "deepseek-v3", tiny},
    Preset{"deepseek-v3-tiny-100m", "deepseek-v3-tiny", tiny_100m},
    Preset{"essay64", "deepseek-v3", essay64},
};

const Preset* find(std::string_view name) {
  const auto* found = std::find_if(table.begin(), table.end(), [&](const Preset& each) { return each.name == name; });
  return found == table.end() ? nullptr : found;
}

}  // namespace

std::span<const Preset> presets() { return table; }

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& each : table) names.emplace_back(each.name);
  return names;
}

std::string_view default_under(std::string_view preset, std::string_view key, std::string_view plain,
                               std::string_view deepseek_v3) {
  const Preset* at = find(preset);
  if (at == nullptr) return plain;
  for (; at != nullptr; at = find(at->base))
    for (const PresetValue& each : at->scaled)
      if (each.key == key) return each.text;
  return deepseek_v3.empty() ? plain : deepseek_v3;
}

}  // namespace dsrun
