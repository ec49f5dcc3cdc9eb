// ModelSpec → config.json, of a model that was born here and of one that came as such a file.
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "models/arch/deepseek_v3/config_tables.hpp"
#include "models/arch/deepseek_v3/deepseek_v3.hpp"
#include "models/arch/deepseek_v3/siblings.hpp"

namespace dsrun::deepseek_v3 {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json token_or_null(const std::optional<std::int32_t>& token) {
  return token ? ordered_json(*token) : ordered_json();
}

// A whole number where it is one, as transformers expects of lengths.
ordered_json whole_if_possible(double value) {
  return value == std::floor(value) ? ordered_json(std::llround(value)) : ordered_json(value);
}

ordered_json rope_scaling(const YarnSpec& yarn) {
  ordered_json rope = {{"type", "yarn"},
                       {"rope_type", "yarn"},
                       {"factor", yarn.factor},
                       {"original_max_position_embeddings", whole_if_possible(yarn.original_length)},
                       {"beta_fast", yarn.beta_fast},
                       {"beta_slow", yarn.beta_slow}};
  if (yarn.mscale > 0) rope["mscale"] = yarn.mscale;
  if (yarn.mscale_all_dim > 0) rope["mscale_all_dim"] = yarn.mscale_all_dim;
  return rope;
}

const Sibling& sibling_of(const ordered_json& object) {
  for (const Sibling& each : siblings())
    if (object.value("model_type", ordered_json()) == each.model_type) return each;
  return siblings()[0];
}

void set_modules(ordered_json& object, int modules) {
  const bool newer = object.contains("num_mtp_layers");
  if (newer) object["num_mtp_layers"] = modules;
  if (object.contains("num_nextn_predict_layers") || (!newer && modules > 0))
    object["num_nextn_predict_layers"] = modules;
}

// YaRN's length is a ratio that other programs read; a plain one grows with what training has seen.
void set_length(ordered_json& object, const Sibling& sibling, const HuggingFaceConfig& config) {
  const ordered_json length = object.value("max_position_embeddings", ordered_json(sibling.max_length));
  if (!config.model.yarn.on() && length < config.max_length) object["max_position_embeddings"] = config.max_length;
}

}  // namespace

std::string write_config(const HuggingFaceConfig& config, std::string_view dtype) {
  const ModelSpec& model = config.model;
  ordered_json object;
  object["architectures"] = json::array({row.hugging_face_name});
  object["model_type"] = row.name;
  for (const FixedKey& fixed : fixed_keys())
    if (fixed.is_written) object[fixed.key] = fixed.value;
  for (const SizeRow& size : sizes()) object[size.key] = model.*size.field;
  for (const NumberRow& number : numbers()) object[number.key] = model.*number.field;
  if (model.q_rank == 0) object["q_lora_rank"] = nullptr;
  object["num_key_value_heads"] = model.heads;
  object["max_position_embeddings"] = config.max_length;
  object["rope_scaling"] = model.yarn.on() ? rope_scaling(model.yarn) : ordered_json();
  object["bos_token_id"] = token_or_null(config.begin_token);
  object["eos_token_id"] = token_or_null(config.end_token);
  object["torch_dtype"] = dtype;
  return object.dump(2) + "\n";
}

std::string update_config(std::string_view text, const HuggingFaceConfig& config, std::string_view dtype,
                          bool keeps_tokens) {
  ordered_json object = ordered_json::parse(text.begin(), text.end());
  const Sibling& sibling = sibling_of(object);
  if (object.value("architectures", ordered_json()).is_null())
    object["architectures"] = json::array({sibling.architectures[0]});
  object[object.contains("dtype") ? "dtype" : "torch_dtype"] = dtype;
  if (object.contains("dtype") && object.contains("torch_dtype")) object["torch_dtype"] = dtype;
  object.erase("quantization_config");
  if (object.value("num_key_value_heads", ordered_json()).is_null())
    object["num_key_value_heads"] = config.model.heads;  // transformers' default is 128, whatever the heads
  set_modules(object, config.model.mtp_depth);
  set_length(object, sibling, config);
  if (!keeps_tokens) {
    object.erase("pad_token_id");
    object["bos_token_id"] = token_or_null(config.begin_token);
    object["eos_token_id"] = token_or_null(config.end_token);
  }
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dsrun::deepseek_v3
