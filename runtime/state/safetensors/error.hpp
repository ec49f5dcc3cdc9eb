// A safetensors file or model is not valid, or could not be read or written. The error says which file and tensor.
#pragma once

#include <string>
#include <string_view>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

class SafetensorsError : public StorageError {
 public:
  // `tensor` is empty if the fault concerns the whole file.
  SafetensorsError(std::string_view file, std::string_view tensor, std::string_view what);
  const std::string& file() const { return file_; }
  const std::string& tensor() const { return tensor_; }

 private:
  std::string file_;
  std::string tensor_;
};

// Makes a name from a file fit for a message: in quotes, printable and not too long.
std::string in_quotes(std::string_view name);

}  // namespace dsrun
