#include "models/arch/architecture.hpp"

#include <array>

#include "models/arch/deepseek_v3/deepseek_v3.hpp"

namespace dsrun {
namespace {

constexpr std::array<const Architecture*, 1> table = {&deepseek_v3::row};

}  // namespace

std::span<const Architecture* const> architectures() { return table; }

const Architecture& architecture_of(const ModelSpec&) {
  static_assert(table.size() == 1, "a second row has to be chosen by a key of ModelSpec");
  return *table[0];
}

Graph build_graph(const ModelSpec& model) { return architecture_of(model).build(model); }

}  // namespace dsrun
