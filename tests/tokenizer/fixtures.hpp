// The committed tokenizers and texts (tests/fixtures/make_tokenizer.py).
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun::test {

inline std::string fixture_path(const std::string& name) {
  return DSRUN_SOURCE_DIR "/tests/fixtures/tokenizer/" + name;
}

inline std::string fixture_text(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(fixture_path(name), std::ios::binary).rdbuf();
  return text.str();
}

inline std::vector<nlohmann::json> fixture_rows(const std::string& name) {
  std::istringstream lines(fixture_text(name));
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

inline nlohmann::json deepseek_json() { return nlohmann::json::parse(fixture_text("deepseek.json")); }

using Tokens = std::vector<std::int32_t>;

}  // namespace dsrun::test
