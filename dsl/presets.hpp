// Presets: named sets of defaults. Each is DeepSeek-V3's column of dsl/keys/tables/, except for the values that it
// scales here. To add one, add a row to presets.cpp.
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
  std::string_view base;  // the preset whose values it takes where it has none of its own; "": none
  std::span<const PresetValue> scaled;
};

std::span<const Preset> presets();
std::vector<std::string> preset_names();

// The default of a key under the preset of that name ("" or an unknown name: no preset), as TOML. `plain` and
// `deepseek_v3` are the key's two columns of defaults.
std::string_view default_under(std::string_view preset, std::string_view key, std::string_view plain,
                               std::string_view deepseek_v3);

}  // namespace dsrun
