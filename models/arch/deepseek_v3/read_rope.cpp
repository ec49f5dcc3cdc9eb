#include "models/arch/deepseek_v3/read_rope.hpp"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "models/arch/deepseek_v3/config_text.hpp"
#include "models/rope.hpp"

namespace dsrun::deepseek_v3 {
namespace {

using nlohmann::json;

class RopeReader {
 public:
  RopeReader(ConfigObject& object, const Sibling& sibling, HuggingFaceConfig& config)
      : object_(object), sibling_(sibling), config_(config) {}

  void read() {
    const json* scaling = object_.find("rope_scaling");
    const json* parameters = object_.find("rope_parameters");  // its name in transformers 5, with rope_theta inside
    const auto is_set = [](const json* value) { return value != nullptr && !value->is_null(); };
    if (is_set(scaling) && is_set(parameters) && *scaling != *parameters)
      return object_.fault("rope_scaling", "rope_parameters is there too and says something else");
    name_ = is_set(parameters) ? "rope_parameters" : "rope_scaling";
    const json* rope = is_set(parameters) ? parameters : scaling;
    if (!is_set(rope)) return;
    if (!rope->is_object()) return object_.fault(name_, fmt::format("{} is no object", shown(*rope)));
    rope_ = *rope;
    read_theta();
    read_type();
  }

 private:
  std::string path(const std::string& key) const { return name_ + "." + key; }

  void read_theta() {
    if (!rope_.contains("rope_theta")) return;
    double& theta = config_.model.rope_theta;
    const double inner = object_.number(rope_, "rope_theta", path("rope_theta"), theta, "rope_theta");
    if (object_.find("rope_theta") != nullptr && inner != theta)
      object_.fault(path("rope_theta"), fmt::format("{} here, but {} outside", inner, theta));
    theta = inner;
  }

  bool is_yarn(const json& type) const {
    return type == "yarn" || (!sibling_.yarn_too.empty() && type == sibling_.yarn_too);
  }

  void read_type() {
    const json type = rope_.contains("rope_type") ? rope_["rope_type"] : rope_.value("type", json("default"));
    if (!is_yarn(type) && type != "default")
      return object_.fault(name_, fmt::format("type {} is not built", shown(type)), "null, \"default\" or \"yarn\"");
    if (rope_.contains("type") && rope_["type"] != type && !(is_yarn(type) && is_yarn(rope_["type"])))
      object_.fault(path("type"), "rope_type says something else");
    if (is_yarn(type))
      read_yarn();
    else
      check_other_keys({});
  }

  // Null counts as missing where transformers takes it so.
  double yarn_number(const char* key, double missing, std::string_view job_key, bool may_be_null = true) {
    if (may_be_null && rope_.contains(key) && rope_[key].is_null()) return missing;
    return object_.number(rope_, key, path(key), missing, job_key);
  }

  void read_yarn() {
    YarnSpec yarn;
    if (!rope_.contains("factor")) object_.fault(path("factor"), "it is missing");
    yarn.factor = yarn_number("factor", 1, "yarn_factor", false);
    yarn.original_length = yarn_number("original_max_position_embeddings", static_cast<double>(config_.max_length),
                                       "yarn_original_length", false);
    yarn.beta_fast = yarn_number("beta_fast", 32, "yarn_beta_fast");
    yarn.beta_slow = yarn_number("beta_slow", 1, "yarn_beta_slow");
    yarn.mscale = yarn_number("mscale", 0, "yarn_mscale");
    yarn.mscale_all_dim = yarn_number("mscale_all_dim", 0, "yarn_mscale_all_dim");
    check_yarn(yarn);
    if (yarn.on()) config_.model.yarn = yarn;
    check_other_keys({"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "mscale",
                      "mscale_all_dim", "attention_factor", "truncate"});
    note_length(yarn);
  }

  void check_yarn(const YarnSpec& yarn) {
    if (yarn.beta_slow > yarn.beta_fast)
      object_.fault(path("beta_slow"), fmt::format("{} is above beta_fast, {}", yarn.beta_slow, yarn.beta_fast));
    if (config_.model.rope_theta == 1) object_.fault(path("rope_theta"), "1 has no logarithm to divide by");
    if (rope_.contains("truncate") && rope_["truncate"] != true)
      object_.fault(path("truncate"), fmt::format("{} is not built", shown(rope_["truncate"])), "true");
    const double magnitude = rope_magnitude(yarn);
    const json factor = rope_.value("attention_factor", json());
    const bool is_ours = factor.is_null() || (factor.is_number() && std::abs(factor.get<double>() - magnitude) < 1e-9);
    if (!is_ours)
      object_.fault(path("attention_factor"), fmt::format("{} is not built", shown(factor)),
                    fmt::format("{}, which follows from factor, mscale and mscale_all_dim", magnitude));
  }

  // All others would change the angles.
  void check_other_keys(const std::set<std::string>& known) {
    for (const auto& [key, value] : rope_.items()) {
      const bool is_known = key == "type" || key == "rope_type" || key == "rope_theta" || known.contains(key);
      if (key == "partial_rotary_factor" && value != 1.0)
        object_.fault(path(key), fmt::format("{} is not built", shown(value)), "1.0");
      else if (!is_known && key != "partial_rotary_factor")
        object_.unknown(path(key), value);
    }
  }

  void note_length(const YarnSpec& yarn) {
    if (yarn.factor * yarn.original_length != static_cast<double>(config_.max_length))
      object_.note(fmt::format(
          "max_position_embeddings is {}, not {} x {} as {} has it: releases 4.48 to 4.55 of transformers take their "
          "ratio for the factor",
          config_.max_length, yarn.factor, yarn.original_length, name_));
  }

  ConfigObject& object_;
  const Sibling& sibling_;
  HuggingFaceConfig& config_;
  std::string name_;  // of the key that holds the settings
  json rope_;
};

}  // namespace

void read_rope(ConfigObject& object, const Sibling& sibling, HuggingFaceConfig& config) {
  RopeReader(object, sibling, config).read();
}

}  // namespace dsrun::deepseek_v3
