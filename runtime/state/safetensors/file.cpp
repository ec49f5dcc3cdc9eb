#include "runtime/state/safetensors/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw SafetensorsError(path, "", fmt::format("{}: {}", what, std::strerror(errno)));
}

class InputFile {
 public:
  // Without waiting for the other end, should it be a pipe.
  explicit InputFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) fail(path, "cannot open");
  }
  ~InputFile() { close(fd_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  SafetensorsFile file(path);
  file.map();
  file.tensors_ = parse_safetensors(file.contents_, path);
  file.by_name_.resize(file.tensors_.size());
  std::iota(file.by_name_.begin(), file.by_name_.end(), 0U);
  std::sort(file.by_name_.begin(), file.by_name_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return file.tensors_[a].name < file.tensors_[b].name; });
  return file;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      contents_(std::exchange(other.contents_, {})),
      tensors_(std::move(other.tensors_)),
      by_name_(std::move(other.by_name_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (!contents_.empty()) munmap(const_cast<std::byte*>(contents_.data()), contents_.size());
}

void SafetensorsFile::map() {
  const InputFile descriptor(path_);
  struct stat status {};
  if (fstat(descriptor, &status) != 0) fail(path_, "cannot read");
  if (!S_ISREG(status.st_mode)) throw SafetensorsError(path_, "", "this is no regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) fail(path_, "cannot map");
  contents_ = {static_cast<const std::byte*>(mapped), size};
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [&](std::uint32_t i, std::string_view other) { return tensors_[i].name < other; });
  return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

void SafetensorsFile::release(const SafetensorsTensor& tensor) const {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) + tensor.bytes.size();
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace dsrun
