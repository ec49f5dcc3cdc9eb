#include "models/arch/deepseek_v3/config_object.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"
#include "models/arch/deepseek_v3/config_tables.hpp"
#include "models/arch/deepseek_v3/config_text.hpp"

namespace dsrun::deepseek_v3 {

using nlohmann::json;

const Key<Job>& model_key(std::string_view name) {
  const auto found = std::find_if(job_keys().begin(), job_keys().end(),
                                  [&](const Key<Job>& key) { return key.table == "model" && key.name == name; });
  return *found;
}

ConfigObject::ConfigObject(std::string_view text, const std::string& file, const std::vector<std::string>& accept)
    : file_(file), accept_(accept) {
  object_ = parse_config_text(text, [this](const std::string& key, const std::string& what) { fault(key, what); });
}

void ConfigObject::fault(const std::string& key, const std::string& message, const std::string& help) {
  Diagnostic diagnostic;
  diagnostic.place.file = file_;
  diagnostic.place.key = key;
  diagnostic.message = key.empty() ? message : fmt::format("{}: {}", key, message);
  diagnostic.help = help;
  result_.faults.push_back(std::move(diagnostic));
}

bool ConfigObject::accepts(const std::string& path) {
  if (std::find(accept_.begin(), accept_.end(), path) == accept_.end()) return false;
  needed_.insert(path);
  return true;
}

void ConfigObject::unknown(const std::string& path, const json& value) {
  if (value.is_null()) return;
  const std::string name = printable(path);
  if (accepts(path))
    result_.notes.push_back(fmt::format("{} is unknown here and has no effect, as accepted", name));
  else
    fault(name, fmt::format("{} is unknown here, and may change what the model computes", shown(value)),
          fmt::format("where it does not, read the model without it: --accept {0}, or model.accept = [\"{0}\"] in a "
                      "job file",
                      name));
}

void ConfigObject::use_aliases(const std::vector<std::pair<std::string_view, std::string_view>>& aliases) {
  aliases_.insert(aliases_.end(), aliases.begin(), aliases.end());
}

const json* ConfigObject::find(const std::string& key) {
  known_.insert(key);
  const auto at = object_.find(key);
  const json* found = at == object_.end() ? nullptr : &*at;
  for (const auto& [alias, of] : aliases_) {
    if (of != key) continue;
    known_.emplace(alias);
    const auto other = object_.find(std::string(alias));
    if (other == object_.end()) continue;
    if (found != nullptr && *found != *other)
      fault(std::string(alias), fmt::format("{} here, but {} says {}", shown(*other), key, shown(*found)));
    found = &*other;
  }
  return found;
}

double ConfigObject::number(const json& object, const char* key, const std::string& path, double missing, double min,
                            double max) {
  const auto found = object.find(key);
  if (found == object.end()) return missing;
  if (!found->is_number() || *found < min || *found > max) {
    fault(path, fmt::format("{} is no number from {} to {}", shown(*found), min, max));
    return missing;
  }
  return found->get<double>();
}

double ConfigObject::number(const json& object, const char* key, const std::string& path, double missing,
                            std::string_view job_key) {
  const KeyRange& range = model_key(job_key).range;
  return number(object, key, path, missing, range.min, range.max);
}

void ConfigObject::refuse_unknown() {
  for (const auto& [key, value] : object_.items())
    if (!known_.contains(key) && !is_harmless(key)) unknown(key, value);
}

void ConfigObject::note_needless_accepts() {
  for (const std::string& path : accept_)
    if (!needed_.contains(path))
      result_.notes.push_back(fmt::format("{} did not have to be accepted", printable(path)));
}

}  // namespace dsrun::deepseek_v3
