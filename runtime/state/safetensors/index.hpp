// model.safetensors.index.json: which file of a sharded model holds which tensor. A pure function over its text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/state/safetensors/error.hpp"

namespace dsrun {

inline constexpr std::uint64_t longest_safetensors_index = 100'000'000;  // bytes

struct SafetensorsIndex {
  struct Entry {
    std::string tensor;
    std::uint32_t file = 0;  // index into files
  };
  std::vector<std::string> files;  // plain names, in order of appearance; no two equal
  std::vector<Entry> entries;      // by tensor name; no two equal
};

// Throws SafetensorsError, which names `file`, if the text is not one object with one weight_map, or if it has a tensor
// twice. It also throws for a file name that is not plain (empty, hidden, with a separator or a control character).
SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& file);

}  // namespace dsrun
