// config.json → ModelSpec. config_tables.hpp has most keys; here are those that follow from others.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/arch/deepseek_v3/config_object.hpp"
#include "models/arch/deepseek_v3/config_tables.hpp"
#include "models/arch/deepseek_v3/config_text.hpp"
#include "models/arch/deepseek_v3/deepseek_v3.hpp"
#include "models/arch/deepseek_v3/read_rope.hpp"

namespace dsrun::deepseek_v3 {
namespace {

using nlohmann::json;

constexpr int quantized_block = 128;

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::string& file, const std::vector<std::string>& accept)
      : object_(text, file, accept) {}

  HuggingFaceConfigResult read() {
    if (object_.is_object() && choose_sibling()) {
      read_sizes();
      read_dense_layers();
      read_tokens();
      read_rope(object_, *sibling_, config_);
      check_fixed();
      check_quantization();
      check_derived();
      if (!object_.has_faults()) check_together();
      object_.refuse_unknown();
      object_.note_needless_accepts();
    }
    HuggingFaceConfigResult result = object_.take_result();
    if (result.faults.empty()) result.config = config_;
    return result;
  }

 private:
  // By model_type or, where that is missing, by the class.
  bool choose_sibling() {
    const json* type = object_.find("model_type");
    const json* classes = object_.find("architectures");
    for (const Sibling& each : siblings()) {
      const bool is_named = type != nullptr ? *type == each.model_type
                                            : classes != nullptr && *classes == json::array({each.architectures[0]});
      if (sibling_ == nullptr && is_named) sibling_ = &each;
    }
    if (sibling_ == nullptr) return refuse_sibling(type, classes);
    const bool fits = classes == nullptr || classes->is_null() ||
                      std::any_of(sibling_->architectures.begin(), sibling_->architectures.end(),
                                  [&](std::string_view name) { return *classes == json::array({name}); });
    if (!fits)
      object_.fault("architectures", fmt::format("{} is not built", shown(*classes)),
                    fmt::format("[\"{}\"]", sibling_->architectures[0]));
    object_.use_aliases({{"num_local_experts", "n_routed_experts"}, {"num_mtp_layers", "num_nextn_predict_layers"}});
    object_.use_aliases(sibling_->aliases);
    for (const std::string_view key : sibling_->harmless) object_.know(key);
    return true;
  }

  bool refuse_sibling(const json* type, const json* classes) {
    std::vector<std::string_view> names;
    for (const Sibling& each : siblings()) names.push_back(each.model_type);
    const char* key = type != nullptr ? "model_type" : "architectures";
    const json* value = type != nullptr ? type : classes;
    object_.fault(key, value == nullptr ? "it is missing" : fmt::format("{} is not built", shown(*value)),
                  fmt::format("these are, as model_type: {}", fmt::join(names, ", ")));
    return false;
  }

  int default_of(const SizeRow& size) const {
    for (const auto& [field, missing] : sibling_->sizes)
      if (field == size.field) return missing;
    return size.missing;
  }
  double default_of(const NumberRow& number) const {
    for (const auto& [field, missing] : sibling_->numbers)
      if (field == number.field) return missing;
    return number.missing;
  }

  void read_sizes() {
    ModelSpec& model = config_.model;
    model.byte_vocab = false;
    for (const SizeRow& size : sizes()) model.*size.field = read_size(size);
    if (const json* rank = object_.find("q_lora_rank"); rank != nullptr && *rank == 0)
      object_.fault("q_lora_rank", "0 is a latent without columns in transformers",
                    "null, for queries without a latent");
    for (const NumberRow& number : numbers())
      if (const json* value = object_.find(number.key); value != nullptr)
        model.*number.field =
            object_.number({{number.key, *value}}, number.key, number.key, default_of(number), number.job_key);
      else
        model.*number.field = default_of(number);
    const json* length = object_.find("max_position_embeddings");
    config_.max_length = sibling_->max_length;
    if (length != nullptr)
      config_.max_length = static_cast<std::int64_t>(
          object_.number({{"length", *length}}, "length", "max_position_embeddings", 4096, 1, 1e12));
  }

  int read_size(const SizeRow& size) {
    const json* value = object_.find(size.key);
    if (value == nullptr) return default_of(size);
    if (value->is_null() && size.null_is_zero) return 0;
    const KeyRange& range = model_key(size.job_key).range;
    if (value->is_number_integer() && *value >= range.min && *value <= range.max) return value->get<int>();
    object_.fault(size.key, fmt::format("{} is no whole number from {} to {}", shown(*value), range.min, range.max));
    return default_of(size);
  }

  // As transformers takes them.
  void read_dense_layers() {
    ModelSpec& model = config_.model;
    const bool is_said = object_.find("first_k_dense_replace") != nullptr;
    const int said = std::min(model.dense_layers, model.layers);
    if (sibling_->dense == Sibling::Dense::all)
      model.dense_layers = model.layers;
    else if (sibling_->dense == Sibling::Dense::listed)
      model.dense_layers = 1;
    else
      model.dense_layers = said;
    if (const json* list = object_.find("mlp_layer_types"); list != nullptr && !list->is_null())
      read_layer_types(*list);
    else if (sibling_->dense == Sibling::Dense::listed && is_said && said != model.dense_layers)
      object_.fault("first_k_dense_replace",
                    fmt::format("{} says nothing to transformers, whose first layer alone is dense without "
                                "mlp_layer_types",
                                said));
  }

  void read_layer_types(const json& list) {
    const int layers = config_.model.layers;
    int dense = 0;
    const auto fits = [&] {
      if (!list.is_array() || list.size() != static_cast<std::size_t>(layers)) return false;
      while (dense < layers && list[static_cast<std::size_t>(dense)] == "dense") ++dense;
      return std::all_of(list.begin() + dense, list.end(), [](const json& type) { return type == "sparse"; });
    };
    if (!fits())
      return object_.fault("mlp_layer_types", fmt::format("{} is not built", shown(list)),
                           fmt::format("{} times \"dense\" or \"sparse\", dense ones first", layers));
    const json* first = object_.find("first_k_dense_replace");
    const bool differs = first != nullptr && *first != dense;
    if (differs || (sibling_->dense != Sibling::Dense::listed && dense != config_.model.dense_layers))
      return object_.fault(
          "mlp_layer_types",
          fmt::format("it has {} dense layers, but first_k_dense_replace is {}", dense,
                      first != nullptr ? shown(*first) : fmt::format("{}", config_.model.dense_layers)));
    config_.model.dense_layers = dense;
  }

  void read_tokens() {
    const auto first = [&](const char* key) -> std::optional<std::int32_t> {
      const json* value = object_.find(key);
      if (value != nullptr && value->is_array() && !value->empty()) value = &value->front();
      if (value == nullptr || !value->is_number_integer() || *value < 0 || *value >= config_.model.vocab_size)
        return {};
      return value->get<std::int32_t>();
    };
    config_.begin_token = first("bos_token_id");
    config_.end_token = first("eos_token_id");
  }

  void check_fixed() {
    for (const FixedKey& fixed : fixed_keys()) {
      const json* value = object_.find(fixed.key);
      if (value != nullptr && *value != fixed.value)
        object_.fault(fixed.key, fmt::format("{} is not built", shown(*value)), shown(fixed.value));
    }
    if (sibling_->ties_embedding && object_.find("tie_word_embeddings") == nullptr)
      object_.fault("tie_word_embeddings", "it is missing, which means true here, and that is not built");
  }

  // What follows from other keys.
  void check_derived() {
    const ModelSpec& model = config_.model;
    const auto expect = [&](const char* key, double expected) {
      const json* value = object_.find(key);
      if (value != nullptr && !value->is_null() && *value != expected)
        object_.fault(key, fmt::format("{} is not built", shown(*value)), fmt::format("{}", expected));
    };
    expect("num_key_value_heads", model.heads);
    expect("qk_head_dim", model.nope_dim + model.rope_dim);
    const bool any_head_dim =
        std::find(sibling_->harmless.begin(), sibling_->harmless.end(), "head_dim") != sibling_->harmless.end();
    if (!any_head_dim) expect("head_dim", model.rope_dim);
    if (model.yarn.on())
      expect("original_max_position_embeddings", model.yarn.original_length);
    else
      object_.know("original_max_position_embeddings");
  }

  void check_quantization() {
    const json* quantization = object_.find("quantization_config");
    if (quantization == nullptr || quantization->is_null()) return;
    const json method = quantization->is_object() ? quantization->value("quant_method", json()) : json();
    if (method != "fp8")
      return object_.fault("quantization_config", fmt::format("{} is not built", shown(*quantization)), "fp8");
    const json built = json::array({quantized_block, quantized_block});
    const json block = quantization->value("weight_block_size", built);
    if (block != built)
      object_.fault("quantization_config.weight_block_size", fmt::format("{} is not built", shown(block)),
                    fmt::format("[{0}, {0}]", quantized_block));
    for (const auto& [key, value] : quantization->items())
      if (key != "weight_block_size" && !is_harmless_of_quantization(key) && (key != "expert_dtype" || value != "fp8"))
        object_.unknown("quantization_config." + key, value);
  }

  void check_together() {
    const auto name = [](std::string_view job_key) -> std::string_view {
      const auto found =
          std::find_if(sizes().begin(), sizes().end(), [&](const SizeRow& size) { return size.job_key == job_key; });
      return found == sizes().end() ? job_key : found->key;
    };
    for (const ModelFault& each : validate(config_.model, name))
      object_.fault(std::string(name(each.key)), each.message);
  }

  ConfigObject object_;
  const Sibling* sibling_ = nullptr;
  HuggingFaceConfig config_;
};

}  // namespace

HuggingFaceConfigResult read_config(std::string_view text, const std::string& file_name,
                                    const std::vector<std::string>& accept) {
  return ConfigReader(text, file_name, accept).read();
}

}  // namespace dsrun::deepseek_v3
