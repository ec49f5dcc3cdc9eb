// A safetensors file or model is not what it should be, or could not be read or written: says which file and tensor.
#pragma once

#include <string>
#include <string_view>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

class SafetensorsError : public StorageError {
 public:
  // `tensor` is empty where the fault is the whole file's.
  SafetensorsError(std::string_view file, std::string_view tensor, std::string_view what);
  const std::string& file() const { return file_; }
  const std::string& tensor() const { return tensor_; }

 private:
  std::string file_;
  std::string tensor_;
};

// A name out of a file as a message shows it: in quotes, printable and not too long.
std::string in_quotes(std::string_view name);

}  // namespace dsrun
