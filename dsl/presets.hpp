// Presets: named sets of defaults. All are DeepSeek-V3's column of keys.cpp, but for what a smaller one scales here.
// To add one: a row in presets.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

struct PresetValue {
  std::string_view key;   // table.key
  std::string_view text;  // as TOML
};

struct Preset {
  std::string_view name;
  std::string_view base;  // of which preset it keeps what it does not scale; "": of none
  std::span<const PresetValue> scaled;
};

std::span<const Preset> presets();
std::vector<std::string> preset_names();

// The default of a key under the preset of that name ("" or an unknown one: none), from its two columns in keys.cpp.
std::string_view default_under(std::string_view preset, std::string_view key, std::string_view plain,
                               std::string_view deepseek_v3);

}  // namespace dsrun
