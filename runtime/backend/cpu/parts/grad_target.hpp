// Prepares the result of a backward_input that is a matrix product: the addend goes there first, so that the product
// adds to it.
#pragma once

#include "runtime/backend/kernel.hpp"

namespace dsrun {

// Copies the addend into target.out unless it is there already. False: there is no addend, and the product overwrites.
bool place_addend(const GradTarget& target);

}  // namespace dsrun
