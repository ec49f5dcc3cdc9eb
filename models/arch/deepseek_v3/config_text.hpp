// The text of a config.json as JSON, with limits that no config reaches.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace dsrun::deepseek_v3 {

// Calls `fault` with a key, "" for the whole text, and what is wrong: also for a key that is there twice. Null: it is
// no JSON object.
nlohmann::json parse_config_text(std::string_view text,
                                 const std::function<void(const std::string&, const std::string&)>& fault);

// A value as a message shows it.
std::string shown(const nlohmann::json& value);

}  // namespace dsrun::deepseek_v3
