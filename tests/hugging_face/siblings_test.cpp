// Configs of other names with the same arithmetic, and what comes out again of an imported config.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hugging_face/published_config.hpp"

namespace dsrun {
namespace {

using nlohmann::json;
using test::parse;
using test::parse_good;
using test::published;
using testing::HasSubstr;

TEST(HuggingFaceSiblings, knows_its_siblings_by_their_names_and_defaults) {
  json kimi = published();
  kimi["model_type"] = "kimi_k2";
  EXPECT_EQ(parse_good(kimi), parse_good(published()));
  const ModelSpec glm = parse_good({{"model_type", "glm4_moe_lite"}}).model;
  EXPECT_EQ(std::tie(glm.layers, glm.dense_layers, glm.hidden, glm.heads, glm.q_rank, glm.kv_rank, glm.nope_dim),
            std::tuple(47, 1, 2048, 20, 768, 512, 192));
  EXPECT_EQ(std::tie(glm.value_dim, glm.experts, glm.expert_groups, glm.experts_per_token, glm.routed_scaling),
            std::tuple(256, 64, 1, 4, 1.8));
  EXPECT_EQ(glm.norm_eps, 1e-5);
  const ModelSpec sarvam =
      parse_good(
          {{"model_type", "sarvam_mla"},
           {"num_experts", 32},
           {"head_dim", 576},
           {"max_position_embeddings", 131072},
           {"rope_scaling", {{"type", "deepseek_yarn"}, {"factor", 32}, {"original_max_position_embeddings", 4096}}}})
          .model;
  EXPECT_EQ(std::tie(sarvam.experts, sarvam.q_rank, sarvam.dense_layers, sarvam.yarn.factor),
            std::tuple(32, 0, 1, 32.0));
  const ModelSpec youtu = parse_good({{"model_type", "youtu"}, {"tie_word_embeddings", false}}).model;
  EXPECT_EQ(youtu.moe_layers(), 0);
  EXPECT_THAT(parse({{"model_type", "youtu"}}).faults[0].message, HasSubstr("tie_word_embeddings"));
}

TEST(HuggingFaceSiblings, a_list_says_which_layers_of_glm_are_dense) {
  json glm = {{"model_type", "glm4_moe_lite"}, {"num_hidden_layers", 4}};
  EXPECT_EQ(parse_good(glm).model.dense_layers, 1);
  glm["mlp_layer_types"] = {"dense", "dense", "sparse", "sparse"};
  EXPECT_EQ(parse_good(glm).model.dense_layers, 2);
  glm["mlp_layer_types"] = {"dense", "sparse", "dense", "sparse"};
  EXPECT_EQ(parse(glm).faults[0].place.key, "mlp_layer_types");
  glm["mlp_layer_types"] = {"dense", "sparse"};
  EXPECT_EQ(parse(glm).faults[0].place.key, "mlp_layer_types");
  glm.erase("mlp_layer_types");
  glm["first_k_dense_replace"] = 3;  // no key of this model in transformers
  EXPECT_EQ(parse(glm).faults[0].place.key, "first_k_dense_replace");
}

json updated(const json& config, const HuggingFaceConfig& trained, bool keeps_tokens = true) {
  return json::parse(update_hugging_face_config(config.dump(), trained, "bfloat16", keeps_tokens));
}

TEST(HuggingFaceSiblings, an_imported_config_comes_out_as_it_was) {
  for (const char* type : {"deepseek_v3", "kimi_k2"}) {
    json config = published();
    config["model_type"] = type;
    json expected = config;
    expected.erase("quantization_config");  // the weights are no longer FP8
    HuggingFaceConfig trained = parse_good(config);
    trained.max_length = 128;
    EXPECT_EQ(updated(config, trained), expected);
  }
}

TEST(HuggingFaceSiblings, an_imported_config_says_what_training_changed) {
  json config = published();
  HuggingFaceConfig trained = parse_good(config);
  trained.model.mtp_depth = 0;
  trained.model.yarn = {};
  trained.max_length = 200000;
  trained.begin_token = {};
  trained.end_token = 7;
  config["rope_scaling"] = nullptr;
  config["dtype"] = "float32";
  const json out = updated(config, trained, false);
  EXPECT_EQ(out["num_nextn_predict_layers"], 0);
  EXPECT_EQ(out["max_position_embeddings"], 200000);
  EXPECT_EQ(out["bos_token_id"], nullptr);
  EXPECT_EQ(out["eos_token_id"], 7);
  EXPECT_EQ(out["dtype"], "bfloat16");
  config.erase("num_key_value_heads");
  EXPECT_EQ(updated(config, trained)["num_key_value_heads"], 128);
  config.erase("num_nextn_predict_layers");
  config["num_mtp_layers"] = 1;
  EXPECT_EQ(updated(config, trained)["num_mtp_layers"], 0);
  EXPECT_FALSE(updated(config, trained).contains("num_nextn_predict_layers"));
}

}  // namespace
}  // namespace dsrun
