#pragma once

#include "runtime/backend/backend.hpp"

namespace dsrun {

// The backend for devices of kind "cpu": threads of this process, with oneDNN for the products.
const Backend& cpu_backend();

}  // namespace dsrun
