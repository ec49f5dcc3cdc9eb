// What a backward_input by matrix product does before the product: the addend goes first, so that the product adds.
#pragma once

#include "runtime/backend/kernel.hpp"

namespace dsrun {

// Copies the addend into target.out unless it is there already; false: there is none, and the product overwrites.
bool place_addend(const GradTarget& target);

}  // namespace dsrun
