// What a config.json of this architecture may say, as tables. A key is in one of them, or it is a fault unless somebody
// accepts it by name:
//
//   sizes, numbers   used, within the range of the job file's key
//   fixed_keys       the model can do this value only
//   harmless_keys    says nothing about what the weights compute
//
// To read another one, add a row. read_config.cpp has the keys that follow from others, read_rope.cpp those of RoPE.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "dsl/specs/model.hpp"

namespace dsrun::deepseek_v3 {

// `missing`: transformers' default for DeepSeek-V3; siblings.cpp has those of others.
struct SizeRow {
  const char* key;
  std::string_view job_key;  // of [model], for its range
  int ModelSpec::*field;
  int missing;
  bool null_is_zero = false;
};
std::span<const SizeRow> sizes();

struct NumberRow {
  const char* key;
  std::string_view job_key;
  double ModelSpec::*field;
  double missing;
};
std::span<const NumberRow> numbers();

// A key that is missing means just this value.
struct FixedKey {
  const char* key;
  nlohmann::json value;
  bool is_written;
};
const std::vector<FixedKey>& fixed_keys();

bool is_harmless(std::string_view key);
bool is_harmless_of_quantization(std::string_view key);  // within quantization_config

}  // namespace dsrun::deepseek_v3
