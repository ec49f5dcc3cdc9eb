#include "models/arch/deepseek_v3/siblings.hpp"

#include "models/arch/deepseek_v3/deepseek_v3.hpp"

namespace dsrun::deepseek_v3 {
namespace {

constexpr std::string_view deepseek_class = row.hugging_face_name;

Sibling glm4_moe_lite() {
  using M = ModelSpec;
  return {.model_type = "glm4_moe_lite",
          .architectures = {"Glm4MoeLiteForCausalLM"},
          .sizes = {{&M::vocab_size, 154880},
                    {&M::hidden, 2048},
                    {&M::layers, 47},
                    {&M::heads, 20},
                    {&M::q_rank, 768},
                    {&M::nope_dim, 192},
                    {&M::value_dim, 256},
                    {&M::dense_hidden, 10240},
                    {&M::expert_hidden, 1536},
                    {&M::experts, 64},
                    {&M::experts_per_token, 4},
                    {&M::expert_groups, 1},
                    {&M::groups_per_token, 1}},
          .numbers = {{&M::routed_scaling, 1.8}, {&M::norm_eps, 1e-5}},
          .max_length = 202752,
          .dense = Sibling::Dense::listed};
}

Sibling sarvam_mla() {
  using M = ModelSpec;
  return {.model_type = "sarvam_mla",
          .architectures = {deepseek_class, "SarvamMLAForCausalLM"},
          .sizes = {{&M::vocab_size, 262144},
                    {&M::hidden, 4096},
                    {&M::layers, 32},
                    {&M::dense_layers, 1},
                    {&M::heads, 64},
                    {&M::q_rank, 0},
                    {&M::dense_hidden, 16384},
                    {&M::experts, 128},
                    {&M::expert_groups, 1},
                    {&M::groups_per_token, 1}},
          .numbers = {{&M::init_std, 0.006}},
          .aliases = {{"num_experts", "n_routed_experts"}, {"num_shared_experts", "n_shared_experts"}},
          .yarn_too = "deepseek_yarn",
          .harmless = {"head_dim", "q_head_dim"}};
}

Sibling youtu() {
  using M = ModelSpec;
  return {.model_type = "youtu",
          .architectures = {"YoutuForCausalLM"},
          .sizes = {{&M::vocab_size, 128256},
                    {&M::hidden, 2048},
                    {&M::layers, 32},
                    {&M::heads, 16},
                    {&M::dense_hidden, 6144}},
          .max_length = 131072,
          .dense = Sibling::Dense::all,
          .ties_embedding = true};
}

}  // namespace

const std::vector<Sibling>& siblings() {
  static const std::vector<Sibling> all = {
      {.model_type = row.name, .architectures = {deepseek_class}},
      {.model_type = "kimi_k2", .architectures = {deepseek_class, "KimiK2ForCausalLM"}},
      glm4_moe_lite(),
      sarvam_mla(),
      youtu(),
  };
  return all;
}

}  // namespace dsrun::deepseek_v3
