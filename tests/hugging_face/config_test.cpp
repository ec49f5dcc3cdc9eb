// config.json ↔ ModelSpec: the published file, both ways, and every value that the model cannot do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "models/arch/hugging_face.hpp"
#include "tests/hugging_face/allocations.hpp"
#include "tests/hugging_face/published_config.hpp"
#include "tests/models/random_model.hpp"

namespace dsrun {
namespace {

using nlohmann::json;
using test::parse;
using test::parse_good;
using test::published;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(HuggingFaceConfig, reads_the_published_model) {
  const HuggingFaceConfig config = parse_good(published());
  const ModelSpec& m = config.model;
  EXPECT_EQ(std::tie(m.layers, m.dense_layers, m.hidden, m.heads, m.q_rank, m.kv_rank, m.nope_dim, m.rope_dim),
            std::tuple(61, 3, 7168, 128, 1536, 512, 128, 64));
  EXPECT_EQ(std::tie(m.value_dim, m.experts, m.experts_per_token, m.expert_groups, m.groups_per_token),
            std::tuple(128, 256, 8, 8, 4));
  EXPECT_EQ(std::tie(m.shared_experts, m.expert_hidden, m.dense_hidden, m.mtp_depth, m.vocab_size, m.byte_vocab),
            std::tuple(1, 2048, 18432, 1, 129280, false));
  EXPECT_EQ(std::tie(m.routed_scaling, m.norm_eps, m.rope_theta, m.init_std), std::tuple(2.5, 1e-6, 1e4, 0.02));
  EXPECT_EQ(m.yarn, (YarnSpec{40, 4096, 32, 1, 1, 1}));
  EXPECT_EQ(config.max_length, 163840);
}

TEST(HuggingFaceConfig, takes_transformers_defaults_for_what_is_missing) {
  json expected = published();
  expected["num_nextn_predict_layers"] = 0;
  expected["max_position_embeddings"] = 4096;
  expected["rope_scaling"] = nullptr;
  for (const char* key : {"bos_token_id", "eos_token_id"}) expected.erase(key);
  EXPECT_EQ(parse_good({{"model_type", "deepseek_v3"}}), parse_good(expected));
}

TEST(HuggingFaceConfig, reads_the_form_of_transformers_5) {
  json config = published();
  config["rope_parameters"] = config["rope_scaling"];
  config["rope_parameters"]["rope_type"] = "yarn";
  config["rope_parameters"]["rope_theta"] = 5e5;
  for (const char* key : {"rope_scaling", "rope_theta"}) config.erase(key);
  EXPECT_EQ(parse_good(config).model.rope_theta, 5e5);
  EXPECT_EQ(parse_good(config).model.yarn, parse_good(published()).model.yarn);
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 77}};
  EXPECT_EQ(parse_good(config).model.rope_theta, 77);
  EXPECT_EQ(parse_good(config).model.yarn, YarnSpec{});
}

TEST(HuggingFaceConfig, has_yarns_defaults) {
  json config = published();
  config["rope_scaling"] = {{"type", "yarn"}, {"factor", 2.5}, {"attention_factor", nullptr}, {"truncate", true}};
  const HuggingFaceConfigResult result = parse(config);
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->model.yarn, (YarnSpec{2.5, 163840, 32, 1, 0, 0}));
  EXPECT_THAT(result.notes, Contains(StartsWith("max_position_embeddings is 163840, not 2.5 x 163840")));
}

TEST(HuggingFaceConfig, a_written_model_is_read_again) {
  test::Random random(3);
  for (int turn = 0; turn < 300; ++turn) {
    HuggingFaceConfig config{test::random_model(random), test::pick(random, 1, 100000), {}, {}};
    ModelSpec& model = config.model;
    model.byte_vocab = false;
    model.mtp_depth = test::pick(random, 0, 2);
    model.routed_scaling = test::pick(random, 1, 99) / 7.0;
    model.norm_eps = test::pick(random, 1, 99) * 1e-7;
    model.rope_theta = test::pick(random, 1, 999999) / 3.0 + 1;
    model.init_std = test::pick(random, 0, 99) / 3000.0;
    if (turn % 3 == 1) config.begin_token = 0;
    if (turn % 3 != 0) config.end_token = model.vocab_size - 1;
    if (turn % 2 == 1) {
      const double length = test::pick(random, 1, 5000), factor = test::pick(random, 2, 60);
      model.yarn = {factor, length, test::pick(random, 1, 99) / 3.0, 0.25, turn % 4 == 1 ? 0.0 : 0.3, 1};
      config.max_length = static_cast<std::int64_t>(factor * length);
    }
    EXPECT_EQ(parse_good(json::parse(write_hugging_face_config(config, "bfloat16"))), config);
  }
}

TEST(HuggingFaceConfig, writes_what_transformers_reads) {
  const json written = json::parse(write_hugging_face_config(parse_good(published()), "float32"));
  json expected = published();
  for (const char* key : {"auto_map", "ep_size", "quantization_config", "transformers_version", "use_cache"})
    expected.erase(key);
  expected["rope_scaling"]["rope_type"] = "yarn";
  expected["rope_interleave"] = true;
  expected["torch_dtype"] = "float32";
  EXPECT_EQ(written, expected);
}

struct ConfigFault {
  std::string key;    // JSON pointer of what is changed
  json value;         // to this
  std::string named;  // the key that the fault names
  friend void PrintTo(const ConfigFault& fault, std::ostream* out) { *out << fault.key << " = " << fault.value; }
};

struct ConfigFaults : testing::TestWithParam<ConfigFault> {};

TEST_P(ConfigFaults, name_the_key) {
  json config = published();
  config[json::json_pointer(GetParam().key)] = GetParam().value;
  const HuggingFaceConfigResult result = parse(config);
  EXPECT_FALSE(result.config);
  ASSERT_EQ(result.faults.size(), 1U) << render(result.faults);
  EXPECT_EQ(result.faults[0].place.file, "config.json");
  EXPECT_EQ(result.faults[0].place.key, GetParam().named);
  EXPECT_THAT(result.faults[0].message, StartsWith(GetParam().named + ": "));
}

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigFaults,
    testing::Values(
        ConfigFault{"/architectures", {"LlamaForCausalLM"}, "architectures"},
        ConfigFault{"/architectures", {"DeepseekV3ForCausalLM", "Other"}, "architectures"},
        ConfigFault{"/architectures", "DeepseekV3ForCausalLM", "architectures"},
        ConfigFault{"/model_type", "deepseek_v2", "model_type"}, ConfigFault{"/hidden_act", "gelu", "hidden_act"},
        ConfigFault{"/attention_bias", true, "attention_bias"},
        ConfigFault{"/attention_dropout", 0.1, "attention_dropout"},
        ConfigFault{"/tie_word_embeddings", true, "tie_word_embeddings"},
        ConfigFault{"/scoring_func", "softmax", "scoring_func"},
        ConfigFault{"/topk_method", "group_limited_greedy", "topk_method"},
        ConfigFault{"/norm_topk_prob", false, "norm_topk_prob"}, ConfigFault{"/moe_layer_freq", 2, "moe_layer_freq"},
        ConfigFault{"/rope_interleave", false, "rope_interleave"}, ConfigFault{"/mlp_bias", true, "mlp_bias"},
        ConfigFault{"/num_key_value_heads", 8, "num_key_value_heads"}, ConfigFault{"/qk_head_dim", 128, "qk_head_dim"},
        ConfigFault{"/head_dim", 56, "head_dim"},
        ConfigFault{"/quantization_config/quant_method", "awq", "quantization_config"},
        ConfigFault{"/quantization_config", "fp8", "quantization_config"},
        ConfigFault{"/quantization_config/weight_block_size", {64, 64}, "quantization_config.weight_block_size"}));

INSTANTIATE_TEST_SUITE_P(
    Rope, ConfigFaults,
    testing::Values(ConfigFault{"/rope_scaling/type", "linear", "rope_scaling"},
                    ConfigFault{"/rope_scaling/type", nullptr, "rope_scaling"},
                    ConfigFault{"/rope_scaling/rope_type", "llama3", "rope_scaling"},
                    ConfigFault{"/rope_scaling/attention_factor", 1.5, "rope_scaling.attention_factor"},
                    ConfigFault{"/rope_scaling/truncate", false, "rope_scaling.truncate"},
                    ConfigFault{"/rope_scaling/factor", 0.5, "rope_scaling.factor"},
                    ConfigFault{"/rope_scaling/factor", "40", "rope_scaling.factor"},
                    ConfigFault{"/rope_scaling/beta_fast", 0, "rope_scaling.beta_fast"},
                    ConfigFault{"/rope_scaling/mscale", -1, "rope_scaling.mscale"},
                    ConfigFault{"/rope_scaling/rope_theta", 5, "rope_scaling.rope_theta"},
                    ConfigFault{"/rope_scaling", 7, "rope_scaling"},
                    ConfigFault{"/rope_scaling", {{"type", "yarn"}}, "rope_scaling.factor"},
                    ConfigFault{"/rope_parameters", {{"rope_type", "default"}}, "rope_scaling"},
                    ConfigFault{"/rope_scaling/factor", nullptr, "rope_scaling.factor"},
                    ConfigFault{"/rope_scaling/original_max_position_embeddings", nullptr,
                                "rope_scaling.original_max_position_embeddings"},
                    ConfigFault{"/rope_scaling/beta_slow", 33, "rope_scaling.beta_slow"},
                    ConfigFault{"/rope_scaling/truncate", nullptr, "rope_scaling.truncate"},
                    ConfigFault{"/rope_scaling/partial_rotary_factor", 0.5, "rope_scaling.partial_rotary_factor"},
                    ConfigFault{"/rope_scaling/partial_rotary_factor", nullptr, "rope_scaling.partial_rotary_factor"},
                    ConfigFault{"/rope_scaling/llama_4_scaling_beta", 0.1, "rope_scaling.llama_4_scaling_beta"},
                    ConfigFault{"/rope_theta", 1, "rope_scaling.rope_theta"},
                    ConfigFault{"/original_max_position_embeddings", 8192, "original_max_position_embeddings"}));

INSTANTIATE_TEST_SUITE_P(
    Unknown, ConfigFaults,
    testing::Values(ConfigFault{"/llama_4_scaling", {{"beta", 0.1}}, "llama_4_scaling"},
                    ConfigFault{"/sliding_window", 4096, "sliding_window"},
                    ConfigFault{"/layer_types", {"full_attention"}, "layer_types"},
                    ConfigFault{"/quantization_config/weight_bits", 4, "quantization_config.weight_bits"},
                    ConfigFault{"/quantization_config/expert_dtype", "fp4", "quantization_config.expert_dtype"},
                    ConfigFault{"/quantization_config/weight_block_size", nullptr,
                                "quantization_config.weight_block_size"},
                    ConfigFault{"/num_mtp_layers", 2, "num_mtp_layers"},
                    ConfigFault{"/num_local_experts", 8, "num_local_experts"},
                    ConfigFault{"/mlp_layer_types", {"sparse"}, "mlp_layer_types"}));

INSTANTIATE_TEST_SUITE_P(
    Sizes, ConfigFaults,
    testing::Values(
        ConfigFault{"/hidden_size", 0, "hidden_size"}, ConfigFault{"/hidden_size", -7, "hidden_size"},
        ConfigFault{"/hidden_size", 7168.0, "hidden_size"}, ConfigFault{"/hidden_size", nullptr, "hidden_size"},
        ConfigFault{"/hidden_size", "7168", "hidden_size"}, ConfigFault{"/hidden_size", true, "hidden_size"},
        ConfigFault{"/hidden_size", {7168}, "hidden_size"},
        ConfigFault{"/num_hidden_layers", 4294967297, "num_hidden_layers"},
        ConfigFault{"/num_hidden_layers", 18446744073709551615U, "num_hidden_layers"},
        ConfigFault{"/vocab_size", 1, "vocab_size"}, ConfigFault{"/rms_norm_eps", -1, "rms_norm_eps"},
        ConfigFault{"/rms_norm_eps", "1e-6", "rms_norm_eps"},
        ConfigFault{"/max_position_embeddings", 0, "max_position_embeddings"},
        ConfigFault{"/qk_rope_head_dim", 63, "qk_rope_head_dim"}, ConfigFault{"/n_group", 7, "n_group"},
        ConfigFault{"/topk_group", 9, "topk_group"}, ConfigFault{"/q_lora_rank", 0, "q_lora_rank"},
        ConfigFault{"/n_group", 256, "n_group"}, ConfigFault{"/num_experts_per_tok", 129, "num_experts_per_tok"}));

TEST(HuggingFaceConfig, accepts_an_unknown_key_by_name_alone) {
  json config = published();
  config["llama_4_scaling"] = {{"beta", 0.1}};
  config["rope_scaling"]["note"] = "x";
  EXPECT_THAT(parse(config).faults[0].help, HasSubstr("--accept"));
  const std::vector<std::string> accept = {"llama_4_scaling", "rope_scaling.note", "hidden_act"};
  const HuggingFaceConfigResult taken = parse_hugging_face_config(config.dump(), "config.json", accept);
  ASSERT_TRUE(taken.config) << render(taken.faults);
  EXPECT_EQ(taken.config->model, parse_good(published()).model);
  EXPECT_THAT(taken.notes, Contains("llama_4_scaling is unknown here and has no effect, as accepted"));
  EXPECT_THAT(taken.notes, Contains("hidden_act did not have to be accepted"));
  config["hidden_act"] = "gelu";  // known, and another value would be another model
  EXPECT_FALSE(parse_hugging_face_config(config.dump(), "config.json", accept).config);
}

TEST(HuggingFaceConfig, takes_what_says_nothing) {
  json config = published();
  for (const char* key : {"llama_4_scaling", "sliding_window", "head_dim", "mlp_layer_types"}) config[key] = nullptr;
  config["num_mtp_layers"] = 1;
  config["num_local_experts"] = 256;
  config["original_max_position_embeddings"] = 4096;
  config["rope_scaling"]["attention_factor"] = 1.0;  // as mscale and mscale_all_dim give
  config["rope_scaling"]["partial_rotary_factor"] = 1;
  config["quantization_config"] = {{"quant_method", "fp8"}, {"scale_fmt", "ue8m0"}, {"expert_dtype", "fp8"}};
  EXPECT_EQ(parse_good(config), parse_good(published()));
  config["rope_scaling"].erase("mscale");
  config["rope_scaling"]["attention_factor"] = 0.1 * std::log(40.0) + 1;
  EXPECT_EQ(parse_good(config).model.yarn.mscale, 0);
}

TEST(HuggingFaceConfig, takes_the_new_name_of_the_number_of_modules) {
  json config = published();
  config.erase("num_nextn_predict_layers");
  config["num_mtp_layers"] = 3;
  EXPECT_EQ(parse_good(config).model.mtp_depth, 3);
}

std::string fault_of(const std::string& text) {
  HuggingFaceConfigResult result;
  const std::size_t allocated = test::most_allocated([&] { result = parse_hugging_face_config(text, "config.json"); });
  EXPECT_LT(allocated, 64 * text.size() + 65536);
  EXPECT_FALSE(result.config);
  return result.faults.empty() ? "" : result.faults[0].message;
}

TEST(HuggingFaceConfig, refuses_what_is_no_config) {
  EXPECT_THAT(fault_of(""), HasSubstr("malformed JSON"));
  EXPECT_THAT(fault_of("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(fault_of("{\"a\":1"), HasSubstr("malformed JSON"));
  EXPECT_THAT(fault_of("{\"\xff\":1}"), HasSubstr("UTF-8 at byte 3"));
  EXPECT_THAT(fault_of("{\"n\":1e999}"), HasSubstr("beyond any range"));
  EXPECT_THAT(fault_of("{\"n\":" + std::string(100000, '[') + std::string(100000, ']') + "}"),
              HasSubstr("nested deeper"));
  EXPECT_THAT(fault_of(std::string((1 << 20) + 1, ' ')), HasSubstr("too many for a config"));
  EXPECT_THAT(fault_of("{}"), HasSubstr("architectures: it is missing"));
  EXPECT_THAT(fault_of(R"({"model_type":"deepseek_v3","hidden_size":8,"hidden_size":8})"),
              HasSubstr("hidden_size: it is there twice"));
}

TEST(HuggingFaceConfig, names_all_faults_at_once_and_unknown_keys) {
  json config = published();
  config["hidden_act"] = "gelu";
  config["hidden_size"] = "x";
  config["index_topk"] = 7;
  const HuggingFaceConfigResult result = parse(config);
  EXPECT_EQ(result.faults.size(), 3U);
}

}  // namespace
}  // namespace dsrun
