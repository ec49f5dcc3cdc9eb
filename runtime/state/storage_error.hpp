#pragma once

#include <stdexcept>

namespace dsrun {

// A file cannot be written or read, or its content is not valid; what() names the file.
struct StorageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace dsrun
