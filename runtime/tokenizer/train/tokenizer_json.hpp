// The sections of a tokenizer.json, as the `tokenizers` library writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace dsrun {

using Json = nlohmann::ordered_json;

Json split_step_json(std::string_view regex);
Json byte_level_json(bool use_regex);
Json added_token_json(std::int32_t id, const std::string& content, bool special = true);
Json tokenizer_json(const Json& added, const Json& pre_tokenizer, const Json& vocab, const Json& merges);

// In which each byte is a token, whose id is the byte.
std::string byte_tokenizer_json();

}  // namespace dsrun
