// config.json of DeepseekV3ForCausalLM ↔ ModelSpec. Three kinds of keys: sizes, which have a row in `sizes` or
// `numbers` and the range of the job file's key; keys of which the model can do one value only; and keys that say
// nothing about what is computed.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"
#include "dsl/text/utf8.hpp"
#include "models/arch/deepseek_v3/deepseek_v3.hpp"

namespace dsrun::deepseek_v3 {
namespace {

using nlohmann::json;

constexpr std::string_view architecture = row.hugging_face_name;
constexpr std::string_view model_type = row.name;
constexpr std::size_t longest_config = 1 << 20;
constexpr int deepest_config = 16;
constexpr int quantized_block = 128;

// `missing`: transformers' default.
struct SizeRow {
  const char* key;
  std::string_view job_key;  // of [model], for its range
  int ModelSpec::*field;
  int missing;
  bool null_is_zero = false;
};
constexpr std::array sizes = {
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

struct NumberRow {
  const char* key;
  std::string_view job_key;
  double ModelSpec::*field;
  double missing;
};
constexpr std::array numbers = {
    NumberRow{"routed_scaling_factor", "routed_scaling", &ModelSpec::routed_scaling, 2.5},
    NumberRow{"rms_norm_eps", "norm_eps", &ModelSpec::norm_eps, 1e-6},
    NumberRow{"rope_theta", "rope_theta", &ModelSpec::rope_theta, 1e4},
    NumberRow{"initializer_range", "init_std", &ModelSpec::init_std, 0.02},
};

// What the model does and cannot do otherwise; a key that is missing means just this.
struct FixedKey {
  const char* key;
  json value;
  bool written;
};
const std::vector<FixedKey>& fixed_keys() {
  static const std::vector<FixedKey> keys = {
      {"model_type", model_type, true},     {"hidden_act", "silu", true},         {"attention_bias", false, true},
      {"attention_dropout", 0.0, true},     {"tie_word_embeddings", false, true}, {"scoring_func", "sigmoid", true},
      {"topk_method", "noaux_tc", true},    {"norm_topk_prob", true, true},       {"moe_layer_freq", 1, true},
      {"rope_interleave", true, true},      {"mlp_bias", false, false},           {"partial_rotary_factor", 1.0, false},
      {"is_encoder_decoder", false, false},
  };
  return keys;
}

// Nothing about what the weights mean: identifiers, training settings of others, ways of running.
constexpr std::array<std::string_view, 17> without_effect = {
    "_name_or_path",        "auto_map",    "aux_loss_alpha", "bos_token_id", "dtype",
    "eos_token_id",         "ep_size",     "id2label",       "label2id",     "pad_token_id",
    "pretraining_tp",       "return_dict", "seq_aux",        "torch_dtype",  "transformers_version",
    "output_router_logits", "use_cache"};

const Key<Job>& model_key(std::string_view name) {
  const auto found = std::find_if(job_keys().begin(), job_keys().end(),
                                  [&](const Key<Job>& key) { return key.table == "model" && key.name == name; });
  return *found;
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::string& file) : file_(file) {}

  HuggingFaceConfigResult read(std::string_view text) {
    if (parse(text)) {
      check_architecture();
      read_sizes();
      read_rope();
      check_fixed();
      check_quantization();
      check_derived();
      if (result_.faults.empty()) check_together();
      note_unknown();
    }
    if (result_.faults.empty()) result_.config = config_;
    return std::move(result_);
  }

 private:
  void fault(const std::string& key, const std::string& message, const std::string& help = "") {
    Diagnostic diagnostic;
    diagnostic.place.file = file_;
    diagnostic.place.key = key;
    diagnostic.message = key.empty() ? message : fmt::format("{}: {}", key, message);
    diagnostic.help = help;
    result_.faults.push_back(std::move(diagnostic));
  }

  // A value as a message shows it.
  static std::string shown(const json& value) {
    std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 100) text = text.substr(0, 100) + "…";
    return printable(text);
  }

  bool parse(std::string_view text) {
    if (text.size() > longest_config) {
      fault("", fmt::format("{} bytes are too many for a config; at most {}", text.size(), longest_config));
      return false;
    }
    bool too_deep = false;
    std::vector<std::set<std::string>> keys;  // of the objects that are open
    const auto watch = [&](int depth, json::parse_event_t event, json& value) {
      too_deep |= depth >= deepest_config;
      if (too_deep) return false;
      if (event == json::parse_event_t::object_start) keys.emplace_back();
      if (event == json::parse_event_t::object_end) keys.pop_back();
      if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
        fault(printable(value.get<std::string>()), "it is there twice");
      return true;
    };
    try {
      object_ = json::parse(text.begin(), text.end(), watch);
    } catch (const json::parse_error& error) {
      fault("", fmt::format("malformed JSON or UTF-8 at byte {}", error.byte));
      return false;
    } catch (const json::out_of_range&) {
      fault("", "it has a number that is beyond any range");
      return false;
    }
    if (too_deep) {
      fault("", fmt::format("nested deeper than {}", deepest_config));
      return false;
    }
    if (!object_.is_object()) fault("", "the config is no JSON object");
    return object_.is_object();
  }

  // Null: it is missing. Marks the key as known.
  const json* find(const std::string& key) {
    known_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  void check_architecture() {
    const json* names = find("architectures");
    if (names == nullptr && object_.contains("model_type")) return;  // checked with the fixed keys
    if (names == nullptr || *names != json::array({architecture}))
      fault("architectures", names == nullptr ? "it is missing" : fmt::format("{} is not built", shown(*names)),
            fmt::format("[\"{}\"]", architecture));
  }

  void read_sizes() {
    ModelSpec& model = config_.model;
    model.byte_vocab = false;
    for (const SizeRow& size : sizes) {
      model.*size.field = size.missing;
      const json* value = find(size.key);
      if (value == nullptr) continue;
      const Key<Job>& key = model_key(size.job_key);
      if (value->is_null() && size.null_is_zero) {
        model.*size.field = 0;
      } else if (!value->is_number_integer() || *value < key.range.min || *value > key.range.max) {
        fault(size.key,
              fmt::format("{} is no whole number from {} to {}", shown(*value), key.range.min, key.range.max));
      } else {
        model.*size.field = value->get<int>();
      }
    }
    for (const NumberRow& number : numbers) {
      const Key<Job>& key = model_key(number.job_key);
      model.*number.field = read_number(object_, number.key, number.key, number.missing, key.range.min, key.range.max);
      known_.insert(number.key);
    }
    model.dense_layers = std::min(model.dense_layers, model.layers);  // as transformers takes it
    config_.max_length = static_cast<std::int64_t>(
        read_number(object_, "max_position_embeddings", "max_position_embeddings", 4096, 1, 1e12));
    known_.insert("max_position_embeddings");
  }

  // `path` names the key in messages.
  double read_number(const json& object, const char* key, const std::string& path, double missing, double min,
                     double max) {
    const auto found = object.find(key);
    if (found == object.end()) return missing;
    if (!found->is_number() || *found < min || *found > max) {
      fault(path, fmt::format("{} is no number from {} to {}", shown(*found), min, max));
      return missing;
    }
    return found->get<double>();
  }

  void read_rope() {
    const json* scaling = find("rope_scaling");
    const json* parameters = find("rope_parameters");  // its name in transformers 5, with rope_theta inside
    const auto is_set = [](const json* value) { return value != nullptr && !value->is_null(); };
    if (is_set(scaling) && is_set(parameters) && *scaling != *parameters)
      return fault("rope_scaling", "rope_parameters is there too and says something else");
    const std::string name = is_set(parameters) ? "rope_parameters" : "rope_scaling";
    const json* rope = is_set(parameters) ? parameters : scaling;
    if (!is_set(rope)) return;
    if (!rope->is_object()) return fault(name, fmt::format("{} is no object", shown(*rope)));
    read_rope_theta(*rope, name);
    const json type = rope->contains("rope_type") ? (*rope)["rope_type"] : rope->value("type", json("default"));
    if (type == "yarn")
      read_yarn(*rope, name);
    else if (type != "default")
      fault(name, fmt::format("type {} is not built", shown(type)), "null, \"default\" or \"yarn\"");
    else
      check_rope_keys(*rope, name, {});
  }

  void read_rope_theta(const json& rope, const std::string& name) {
    if (!rope.contains("rope_theta")) return;
    const Key<Job>& key = model_key("rope_theta");
    double& theta = config_.model.rope_theta;
    const double inner = read_number(rope, "rope_theta", name + ".rope_theta", theta, key.range.min, key.range.max);
    if (object_.contains("rope_theta") && inner != theta)
      fault(name + ".rope_theta", fmt::format("{} here, but {} outside", inner, theta));
    theta = inner;
  }

  void read_yarn(const json& rope, const std::string& name) {
    YarnSpec yarn;
    const auto number = [&](const char* key, double missing, std::string_view job_key) {
      const bool is_null = rope.contains(key) && rope[key].is_null();
      const KeyRange& range = model_key(job_key).range;
      return is_null ? missing : read_number(rope, key, fmt::format("{}.{}", name, key), missing, range.min, range.max);
    };
    if (!rope.contains("factor")) fault(name + ".factor", "it is missing");
    yarn.factor = number("factor", 1, "yarn_factor");
    yarn.original_length =
        number("original_max_position_embeddings", static_cast<double>(config_.max_length), "yarn_original_length");
    yarn.beta_fast = number("beta_fast", 32, "yarn_beta_fast");
    yarn.beta_slow = number("beta_slow", 1, "yarn_beta_slow");
    yarn.mscale = number("mscale", 0, "yarn_mscale");
    yarn.mscale_all_dim = number("mscale_all_dim", 0, "yarn_mscale_all_dim");
    if (yarn.on()) config_.model.yarn = yarn;
    check_rope_keys(
        rope, name,
        {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"});
    if (yarn.factor * yarn.original_length != static_cast<double>(config_.max_length))
      result_.notes.push_back(fmt::format(
          "max_position_embeddings is {}, not {} x {} as {} has it: some versions of transformers would take their "
          "ratio for the factor",
          config_.max_length, yarn.factor, yarn.original_length, name));
  }

  // All others would change the angles.
  void check_rope_keys(const json& rope, const std::string& name, const std::set<std::string>& known) {
    for (const auto& [key, value] : rope.items()) {
      const bool harmless = key == "type" || key == "rope_type" || key == "rope_theta" || value.is_null() ||
                            (key == "truncate" && value == true) || (key == "partial_rotary_factor" && value == 1.0);
      if (!harmless && !known.contains(key))
        fault(fmt::format("{}.{}", name, printable(key)), fmt::format("{} is not built", shown(value)), "leave it out");
    }
    if (rope.contains("type") && rope.contains("rope_type") && rope["type"] != rope["rope_type"])
      fault(name + ".type", "rope_type says something else");
  }

  void check_fixed() {
    for (const FixedKey& fixed : fixed_keys()) {
      const json* value = find(fixed.key);
      if (value != nullptr && *value != fixed.value)
        fault(fixed.key, fmt::format("{} is not built", shown(*value)), shown(fixed.value));
    }
  }

  // What follows from other keys.
  void check_derived() {
    const ModelSpec& model = config_.model;
    const auto expect = [&](const char* key, int expected) {
      const json* value = find(key);
      if (value != nullptr && !value->is_null() && *value != expected)
        fault(key, fmt::format("{} is not built", shown(*value)), fmt::format("{}", expected));
    };
    expect("num_key_value_heads", model.heads);
    expect("qk_head_dim", model.nope_dim + model.rope_dim);
    expect("head_dim", model.rope_dim);
    expect("num_local_experts", model.experts);
  }

  void check_quantization() {
    const json* quantization = find("quantization_config");
    if (quantization == nullptr || quantization->is_null()) return;
    const json method = quantization->is_object() ? quantization->value("quant_method", json()) : json();
    if (method != "fp8")
      return fault("quantization_config", fmt::format("{} is not built", shown(*quantization)), "fp8");
    const json block = quantization->value("weight_block_size", json());
    if (block != json::array({quantized_block, quantized_block}))
      fault("quantization_config.weight_block_size", fmt::format("{} is not built", shown(block)),
            fmt::format("[{0}, {0}]", quantized_block));
  }

  void check_together() {
    const auto name = [](std::string_view job_key) -> std::string_view {
      const auto found =
          std::find_if(sizes.begin(), sizes.end(), [&](const SizeRow& size) { return size.job_key == job_key; });
      return found == sizes.end() ? job_key : found->key;
    };
    for (const ModelFault& each : validate(config_.model, name)) fault(std::string(name(each.key)), each.message);
  }

  void note_unknown() {
    for (const auto& [key, value] : object_.items())
      if (!known_.contains(key) && std::find(without_effect.begin(), without_effect.end(), key) == without_effect.end())
        result_.notes.push_back(fmt::format("{} is unknown and has no effect", printable(key)));
  }

  const std::string& file_;
  json object_;
  std::set<std::string> known_;
  HuggingFaceConfig config_;
  HuggingFaceConfigResult result_;
};

}  // namespace

HuggingFaceConfigResult read_config(std::string_view text, const std::string& file_name) {
  return ConfigReader(file_name).read(text);
}

std::string write_config(const HuggingFaceConfig& config, std::string_view dtype) {
  const ModelSpec& model = config.model;
  nlohmann::ordered_json object;
  object["architectures"] = json::array({architecture});
  for (const FixedKey& fixed : fixed_keys())
    if (fixed.written) object[fixed.key] = fixed.value;
  for (const SizeRow& size : sizes) object[size.key] = model.*size.field;
  for (const NumberRow& number : numbers) object[number.key] = model.*number.field;
  if (model.q_rank == 0) object["q_lora_rank"] = nullptr;
  object["num_key_value_heads"] = model.heads;
  object["max_position_embeddings"] = config.max_length;
  object["rope_scaling"] = nullptr;
  if (const YarnSpec& yarn = model.yarn; yarn.on()) {
    object["rope_scaling"] = {{"type", "yarn"},
                              {"rope_type", "yarn"},
                              {"factor", yarn.factor},
                              {"original_max_position_embeddings", std::llround(yarn.original_length)},
                              {"beta_fast", yarn.beta_fast},
                              {"beta_slow", yarn.beta_slow}};
    if (yarn.mscale > 0) object["rope_scaling"]["mscale"] = yarn.mscale;
    if (yarn.mscale_all_dim > 0) object["rope_scaling"]["mscale_all_dim"] = yarn.mscale_all_dim;
  }
  object["bos_token_id"] = nullptr;
  object["eos_token_id"] = nullptr;
  object["torch_dtype"] = dtype;
  return object.dump(2) + "\n";
}

}  // namespace dsrun::deepseek_v3
