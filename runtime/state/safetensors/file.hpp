// A safetensors file, mapped into memory and checked (header.hpp). Its tensors are valid as long as this object lives.
// The file must not be cut short meanwhile: the kernel answers reads beyond its new end with SIGBUS.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/state/safetensors/header.hpp"

namespace dsrun {

class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::string& path);  // throws SafetensorsError
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  const std::string& path() const { return path_; }
  std::span<const SafetensorsTensor> tensors() const { return tensors_; }  // in the order of their bytes
  const SafetensorsTensor* find(std::string_view name) const;              // null: there is none
  // Gives the pages of a tensor back to the kernel, so that reading a large model keeps one tensor in memory, not all.
  // The pages are read from the file again when needed.
  void release(const SafetensorsTensor& tensor) const;

 private:
  explicit SafetensorsFile(const std::string& path);
  void map();

  std::string path_;
  std::span<const std::byte> contents_;
  std::vector<SafetensorsTensor> tensors_;
  std::vector<std::uint32_t> by_name_;  // indices into tensors_
};

}  // namespace dsrun
