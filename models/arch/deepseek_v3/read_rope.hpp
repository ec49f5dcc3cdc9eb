// RoPE and YaRN of a config.json: whatever they hold, the model's angles are those of transformers, or it is a fault.
#pragma once

#include "models/arch/deepseek_v3/config_object.hpp"

namespace dsrun::deepseek_v3 {

// Sets rope_theta and yarn of the config's model; max_length has been read.
void read_rope(ConfigObject& object, const Sibling& sibling, HuggingFaceConfig& config);

}  // namespace dsrun::deepseek_v3
