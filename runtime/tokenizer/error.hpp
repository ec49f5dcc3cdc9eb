// A tokenizer or token file is not what it should be: says which file, and where in it.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

class TokenizerError : public StorageError {
 public:
  // `place` is a path such as "pre_tokenizer.pretokenizers[2].behavior", or empty where the fault is the whole file's.
  TokenizerError(std::string_view file, std::string_view place, std::string_view what)
      : StorageError(place.empty() ? fmt::format("{}: {}", file, what) : fmt::format("{}: {}: {}", file, place, what)),
        place_(place) {}
  const std::string& place() const { return place_; }

 private:
  std::string place_;
};

}  // namespace dsrun
