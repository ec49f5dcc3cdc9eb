// A config.json that is being read: finds its keys, remembers which of them are known, and collects faults and notes.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"
#include "models/arch/deepseek_v3/siblings.hpp"
#include "models/arch/hugging_face.hpp"

namespace dsrun::deepseek_v3 {

class ConfigObject {
 public:
  ConfigObject(std::string_view text, const std::string& file, const std::vector<std::string>& accept);

  bool is_object() const { return object_.is_object(); }
  bool has_faults() const { return !result_.faults.empty(); }
  HuggingFaceConfigResult take_result() { return std::move(result_); }

  void fault(const std::string& key, const std::string& message, const std::string& help = "");
  void note(std::string text) { result_.notes.push_back(std::move(text)); }
  // A key that is unknown: a fault, unless it says nothing or is accepted. `path` names it.
  void unknown(const std::string& path, const nlohmann::json& value);

  // Null: it is missing. Marks the key, and the other names of it that `aliases` has, as known.
  const nlohmann::json* find(const std::string& key);
  void use_aliases(const std::vector<std::pair<std::string_view, std::string_view>>& aliases);
  void know(std::string_view key) { known_.emplace(key); }

  // `path` names the key in messages; a value outside the range is a fault.
  double number(const nlohmann::json& object, const char* key, const std::string& path, double missing, double min,
                double max);
  double number(const nlohmann::json& object, const char* key, const std::string& path, double missing,
                std::string_view job_key);

  void refuse_unknown();         // every key that nobody has asked for
  void note_needless_accepts();  // names in `accept` that no key needed

 private:
  bool accepts(const std::string& path);

  const std::string& file_;
  std::vector<std::string> accept_;
  std::set<std::string> needed_;  // of accept_
  nlohmann::json object_;
  std::set<std::string, std::less<>> known_;
  std::vector<std::pair<std::string_view, std::string_view>> aliases_;
  HuggingFaceConfigResult result_;
};

const Key<Job>& model_key(std::string_view name);  // of [model] in a job file

}  // namespace dsrun::deepseek_v3
