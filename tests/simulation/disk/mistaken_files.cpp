#include <utility>

#include "tests/simulation/disk/checkpoints.hpp"

namespace dsrun::test {
namespace {

using Mistake = CheckpointMistake;

bool is_manifest(const std::string& path) { return path.ends_with("manifest.json"); }

class UnsyncedOutput : public FileSystem::Output {
 public:
  explicit UnsyncedOutput(std::unique_ptr<Output> file) : file_(std::move(file)) {}
  std::size_t write(const char* data, std::size_t size) override { return file_->write(data, size); }
  void sync() override {}

 private:
  std::unique_ptr<Output> file_;
};

class MistakenFiles : public FileSystem {
 public:
  MistakenFiles(FileSystem& disk, Mistake mistake) : disk_(disk), mistake_(mistake) {}

  std::unique_ptr<Output> create(const std::string& path) override {
    auto file = disk_.create(path);
    if (mistake_ == Mistake::leaves_files_unsynced) return std::make_unique<UnsyncedOutput>(std::move(file));
    return file;
  }
  std::size_t read(const std::string& path, std::uint64_t offset, char* out, std::size_t size) override {
    try {
      return disk_.read(path, offset, out, size);
    } catch (const FileError&) {
      if (mistake_ != Mistake::removes_unread) throw;
      return 0;
    }
  }
  std::optional<std::uint64_t> size_of(const std::string& path) override {
    try {
      return disk_.size_of(path);
    } catch (const FileError&) {
      if (mistake_ != Mistake::removes_unread) throw;
      return std::nullopt;
    }
  }
  std::vector<std::string> list(const std::string& folder) override { return disk_.list(folder); }
  bool make_folder(const std::string& path) override { return disk_.make_folder(path); }
  void sync_folder(const std::string& path) override {
    if (mistake_ != Mistake::leaves_folders_unsynced) disk_.sync_folder(path);
  }
  void rename(const std::string& from, const std::string& to) override { disk_.rename(from, to); }
  bool remove(const std::string& path) override {
    if (mistake_ == Mistake::writes_under_a_manifest && is_manifest(path)) return false;
    return disk_.remove(path);
  }

 private:
  FileSystem& disk_;
  Mistake mistake_;
};

}  // namespace

std::unique_ptr<FileSystem> mistaken(FileSystem& disk, CheckpointMistake mistake) {
  return std::make_unique<MistakenFiles>(disk, mistake);
}

}  // namespace dsrun::test
