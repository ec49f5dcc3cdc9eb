// Files of data: which ones a job names, and their bytes, memory-mapped.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

// Data that cannot be used; the message names the pattern or file.
class DataError : public StorageError {
 public:
  using StorageError::StorageError;
};

// The paths that match the globs (relative ones start at `folder`). Throws DataError for one that matches nothing.
std::set<std::string> find_data_files(const std::vector<std::string>& patterns, const std::string& folder);

class MappedFile {
 public:
  // Throws DataError: not there, no regular file.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  const std::string& path() const { return path_; }
  const std::uint8_t* data() const { return data_; }
  std::int64_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), static_cast<std::size_t>(size_)}; }

 private:
  std::string path_;
  const std::uint8_t* data_ = nullptr;
  std::int64_t size_ = 0;
};

// Why a file holds no text that can be read: it is empty, compressed, or UTF-16; else "".
std::string fault_of_text(const MappedFile& file);

}  // namespace dsrun
