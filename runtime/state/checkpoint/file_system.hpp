// FileSystem: the operations that checkpoints need from a disk. Each is one system call, so that a test can let each of
// them fail.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/state/storage_error.hpp"

namespace dsrun {

// The disk refused an operation. The file may still be whole.
struct FileError : StorageError {
  using StorageError::StorageError;
};

// If the disk refuses an operation, it throws a FileError that names the path.
class FileSystem {
 public:
  // A file that is being written; its destructor closes it.
  class Output {
   public:
    virtual ~Output() = default;
    virtual std::size_t write(const char* data, std::size_t size) = 0;  // bytes written: at least 1, at most `size`
    virtual void sync() = 0;                                            // what is written survives a crash
  };

  virtual ~FileSystem() = default;
  virtual std::unique_ptr<Output> create(const std::string& path) = 0;  // an empty file, also if there was one
  // Reads at most `size` bytes from `offset` on; returns how many. 0: the file ends there.
  virtual std::size_t read(const std::string& path, std::uint64_t offset, char* out, std::size_t size) = 0;
  virtual std::optional<std::uint64_t> size_of(const std::string& path) = 0;  // bytes; nullopt: there is no such file
  virtual std::vector<std::string> list(const std::string& folder) = 0;       // names; empty: there is no such folder
  virtual bool make_folder(const std::string& path) = 0;  // and all folders above it; false: it existed
  virtual void sync_folder(const std::string& path) = 0;  // names in the folder survive a crash
  virtual void rename(const std::string& from, const std::string& to) = 0;  // replaces `to` at once
  virtual bool remove(const std::string& path) = 0;  // a file, or an empty folder; false: nothing was there
};

// The file system of this machine.
FileSystem& machine_files();

}  // namespace dsrun
