#include "runtime/state/safetensors/error.hpp"

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

constexpr std::size_t longest_shown = 200;  // bytes of a name

std::string sentence(std::string_view file, std::string_view tensor, std::string_view what) {
  if (tensor.empty()) return fmt::format("{}: {}", printable(file), what);
  return fmt::format("{}: tensor {}: {}", printable(file), in_quotes(tensor), what);
}

}  // namespace

std::string in_quotes(std::string_view name) {
  if (name.size() <= longest_shown) return fmt::format("\"{}\"", printable(name));
  return fmt::format("\"{}…\" ({} bytes)", printable(name.substr(0, longest_shown)), name.size());
}

SafetensorsError::SafetensorsError(std::string_view file, std::string_view tensor, std::string_view what)
    : StorageError(sentence(file, tensor, what)), file_(file), tensor_(tensor) {}

}  // namespace dsrun
