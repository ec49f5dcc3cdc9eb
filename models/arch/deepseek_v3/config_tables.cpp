#include "models/arch/deepseek_v3/config_tables.hpp"

#include <algorithm>
#include <array>

namespace dsrun::deepseek_v3 {
namespace {

constexpr std::array size_rows = {
    SizeRow{"vocab_size", "vocab", &ModelSpec::vocab_size, 129280},
    SizeRow{"hidden_size", "hidden", &ModelSpec::hidden, 7168},
    SizeRow{"num_hidden_layers", "layers", &ModelSpec::layers, 61},
    SizeRow{"first_k_dense_replace", "dense_layers", &ModelSpec::dense_layers, 3},
    SizeRow{"num_attention_heads", "heads", &ModelSpec::heads, 128},
    SizeRow{"q_lora_rank", "q_rank", &ModelSpec::q_rank, 1536, true},
    SizeRow{"kv_lora_rank", "kv_rank", &ModelSpec::kv_rank, 512},
    SizeRow{"qk_nope_head_dim", "nope_dim", &ModelSpec::nope_dim, 128},
    SizeRow{"qk_rope_head_dim", "rope_dim", &ModelSpec::rope_dim, 64},
    SizeRow{"v_head_dim", "value_dim", &ModelSpec::value_dim, 128},
    SizeRow{"intermediate_size", "dense_hidden", &ModelSpec::dense_hidden, 18432},
    SizeRow{"moe_intermediate_size", "expert_hidden", &ModelSpec::expert_hidden, 2048},
    SizeRow{"n_routed_experts", "experts", &ModelSpec::experts, 256},
    SizeRow{"n_shared_experts", "shared_experts", &ModelSpec::shared_experts, 1, true},
    SizeRow{"num_experts_per_tok", "experts_per_token", &ModelSpec::experts_per_token, 8},
    SizeRow{"n_group", "expert_groups", &ModelSpec::expert_groups, 8},
    SizeRow{"topk_group", "groups_per_token", &ModelSpec::groups_per_token, 4},
    SizeRow{"num_nextn_predict_layers", "mtp_depth", &ModelSpec::mtp_depth, 0, true},
};

constexpr std::array number_rows = {
    NumberRow{"routed_scaling_factor", "routed_scaling", &ModelSpec::routed_scaling, 2.5},
    NumberRow{"rms_norm_eps", "norm_eps", &ModelSpec::norm_eps, 1e-6},
    NumberRow{"rope_theta", "rope_theta", &ModelSpec::rope_theta, 1e4},
    NumberRow{"initializer_range", "init_std", &ModelSpec::init_std, 0.02},
};

// Identifiers, settings of others' training, ways of running and of generating.
constexpr auto harmless = std::to_array<std::string_view>({"_attn_implementation",
                                                           "_attn_implementation_autoset",
                                                           "_commit_hash",
                                                           "_experts_implementation",
                                                           "_name_or_path",
                                                           "attn_implementation",
                                                           "auto_map",
                                                           "aux_loss_alpha",
                                                           "bad_words_ids",
                                                           "begin_suppress_tokens",
                                                           "bos_token_id",
                                                           "chunk_size_feed_forward",
                                                           "cross_attention_hidden_size",
                                                           "decoder_start_token_id",
                                                           "diversity_penalty",
                                                           "do_sample",
                                                           "dtype",
                                                           "early_stopping",
                                                           "embedding_initializer_range",
                                                           "encoder_no_repeat_ngram_size",
                                                           "eos_token_id",
                                                           "ep_size",
                                                           "experts_implementation",
                                                           "exponential_decay_length_penalty",
                                                           "finetuning_task",
                                                           "forced_bos_token_id",
                                                           "forced_eos_token_id",
                                                           "gradient_checkpointing",
                                                           "id2label",
                                                           "is_decoder",
                                                           "label2id",
                                                           "length_penalty",
                                                           "max_length",
                                                           "min_length",
                                                           "model_max_length",
                                                           "model_name",
                                                           "name_or_path",
                                                           "no_repeat_ngram_size",
                                                           "num_beam_groups",
                                                           "num_beams",
                                                           "num_labels",
                                                           "num_return_sequences",
                                                           "output_attentions",
                                                           "output_hidden_states",
                                                           "output_router_logits",
                                                           "output_scores",
                                                           "pad_token_id",
                                                           "prefix",
                                                           "pretraining_tp",
                                                           "problem_type",
                                                           "remove_invalid_values",
                                                           "repetition_penalty",
                                                           "return_dict",
                                                           "return_dict_in_generate",
                                                           "router_aux_loss_coef",
                                                           "router_z_loss_coef",
                                                           "sep_token_id",
                                                           "seq_aux",
                                                           "suppress_tokens",
                                                           "task_specific_params",
                                                           "temperature",
                                                           "tf_legacy_loss",
                                                           "tie_encoder_decoder",
                                                           "tokenizer_class",
                                                           "top_k",
                                                           "top_p",
                                                           "torch_dtype",
                                                           "torchscript",
                                                           "transformers.js_config",
                                                           "transformers_version",
                                                           "typical_p",
                                                           "unsloth_fixed",
                                                           "unsloth_version",
                                                           "use_bfloat16",
                                                           "use_cache"});

constexpr auto harmless_of_quantization =
    std::to_array<std::string_view>({"activation_scheme", "dequantize", "fmt", "ignored_layers", "modules_to_convert",
                                     "modules_to_not_convert", "quant_method", "quantized_by", "scale_fmt"});

}  // namespace

std::span<const SizeRow> sizes() { return size_rows; }
std::span<const NumberRow> numbers() { return number_rows; }

const std::vector<FixedKey>& fixed_keys() {
  static const std::vector<FixedKey> keys = {
      {"hidden_act", "silu", true},          {"attention_bias", false, true},      {"attention_dropout", 0.0, true},
      {"tie_word_embeddings", false, true},  {"scoring_func", "sigmoid", true},    {"topk_method", "noaux_tc", true},
      {"norm_topk_prob", true, true},        {"moe_layer_freq", 1, true},          {"rope_interleave", true, true},
      {"add_cross_attention", false, false}, {"is_encoder_decoder", false, false}, {"mlp_bias", false, false},
      {"partial_rotary_factor", 1.0, false}, {"use_bias", false, false},           {"use_qk_norm", false, false},
      {"use_qkv_bias", false, false},        {"use_sliding_window", false, false},
  };
  return keys;
}

bool is_harmless(std::string_view key) { return std::find(harmless.begin(), harmless.end(), key) != harmless.end(); }

bool is_harmless_of_quantization(std::string_view key) {
  return std::find(harmless_of_quantization.begin(), harmless_of_quantization.end(), key) !=
         harmless_of_quantization.end();
}

}  // namespace dsrun::deepseek_v3
