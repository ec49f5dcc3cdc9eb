// JSON as crawls and scripts write it, made JSON as its standard has it, where the meaning is plain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

struct RepairedJson {
  std::string text;
  std::vector<std::string_view> repairs;  // what was wrong; empty: nothing that can be repaired
};

// Repairs malformed UTF-8 and halves of surrogate pairs (each becomes U+FFFD), control characters within strings (they
// stay), and NaN, Infinity and numbers beyond any range (they become null).
RepairedJson repair_json(std::string_view json);

}  // namespace dsrun
