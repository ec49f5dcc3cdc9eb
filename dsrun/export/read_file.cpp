#include "dsrun/export/read_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

std::string read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!file || file.bad()) throw StorageError(fmt::format("{}: it cannot be read: {}", path, std::strerror(errno)));
  return std::move(text).str();
}

}  // namespace dsrun
