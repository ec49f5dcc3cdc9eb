// The one place that chooses a backend.
#include "runtime/backend/backend.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "runtime/backend/cpu/cpu_backend.hpp"

namespace dsrun {
namespace {

constexpr std::array backends = {cpu_backend};  // functions that return the table of a kind

}  // namespace

const Backend* find_backend(std::string_view kind) {
  for (const auto& backend : backends)
    if (backend().kind == kind) return &backend();
  return nullptr;
}

std::string backend_kinds() {
  std::string kinds;
  for (const auto& backend : backends) kinds += fmt::format("{}\"{}\"", kinds.empty() ? "" : ", ", backend().kind);
  return kinds;
}

const Backend& backend_for(std::string_view kind) {
  if (const Backend* found = find_backend(kind)) return *found;
  throw std::runtime_error(
      fmt::format("this program cannot compute on devices of kind \"{}\": it was built for {}", kind, backend_kinds()));
}

}  // namespace dsrun
