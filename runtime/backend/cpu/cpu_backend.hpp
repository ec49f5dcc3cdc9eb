#pragma once

#include "runtime/backend/backend.hpp"

namespace dsrun {

// Devices of kind "cpu": threads of this process, oneDNN for the products.
const Backend& cpu_backend();

}  // namespace dsrun
