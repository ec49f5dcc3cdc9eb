// Reads a whole file of some MB.
#pragma once

#include <string>

namespace dsrun {

std::string read_file(const std::string& path);  // throws StorageError

}  // namespace dsrun
