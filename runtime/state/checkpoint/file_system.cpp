#include "runtime/state/checkpoint/file_system.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {
namespace {

[[noreturn]] void refuse(const std::string& path, const char* what) {
  throw FileError(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

[[noreturn]] void refuse(const std::string& path, const char* what, const std::error_code& error) {
  throw FileError(fmt::format("{}: {}: {}", path, what, error.message()));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0644)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) refuse(path_, "cannot open");
  }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  std::size_t write(const char* data, std::size_t size) {
    ssize_t written;
    do written = ::write(fd_, data, size);
    while (written < 0 && errno == EINTR);
    if (written <= 0) refuse(path_, "cannot write");
    return static_cast<std::size_t>(written);
  }
  std::size_t read(std::uint64_t offset, char* out, std::size_t size) {
    ssize_t got;
    do got = pread(fd_, out, size, static_cast<off_t>(offset));
    while (got < 0 && errno == EINTR);
    if (got < 0) refuse(path_, "cannot read");
    return static_cast<std::size_t>(got);
  }
  void sync() {
    if (fsync(fd_) != 0) refuse(path_, "cannot sync");
  }

 private:
  std::string path_;
  int fd_;
};

class MachineOutput : public FileSystem::Output {
 public:
  explicit MachineOutput(const std::string& path) : file_(path, O_WRONLY | O_CREAT | O_TRUNC) {}
  std::size_t write(const char* data, std::size_t size) override { return file_.write(data, size); }
  void sync() override { file_.sync(); }

 private:
  Descriptor file_;
};

class MachineFiles : public FileSystem {
 public:
  std::unique_ptr<Output> create(const std::string& path) override { return std::make_unique<MachineOutput>(path); }
  std::size_t read(const std::string& path, std::uint64_t offset, char* out, std::size_t size) override {
    return Descriptor(path, O_RDONLY).read(offset, out, size);
  }
  std::optional<std::uint64_t> size_of(const std::string& path) override {
    struct stat found {};
    if (stat(path.c_str(), &found) == 0) return static_cast<std::uint64_t>(found.st_size);
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    refuse(path, "cannot look at it");
  }
  std::vector<std::string> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    if (error == std::errc::no_such_file_or_directory) return names;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
      names.push_back(entry->path().filename().string());
    if (error) refuse(folder, "cannot list", error);
    return names;
  }
  bool make_folder(const std::string& path) override {
    std::error_code error;
    const bool made = std::filesystem::create_directories(path, error);
    if (error) refuse(path, "cannot make the folder", error);
    return made;
  }
  void sync_folder(const std::string& path) override { Descriptor(path, O_RDONLY | O_DIRECTORY).sync(); }
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) refuse(to, "cannot rename");
  }
  bool remove(const std::string& path) override {
    std::error_code error;
    const bool removed = std::filesystem::remove(path, error);
    if (error) refuse(path, "cannot remove", error);
    return removed;
  }
};

}  // namespace

FileSystem& machine_files() {
  static MachineFiles files;
  return files;
}

}  // namespace dsrun
