#include "dsrun/export/staged_folder.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "runtime/state/checkpoint/files.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

void check(const std::error_code& error, const std::string& path) {
  if (error) throw StorageError(fmt::format("{}: {}", path, error.message()));
}

std::string without_slash(const std::string& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).string();
}

// Beside the target and hidden, under a name that nobody else gives.
std::string stage_of(const std::string& target) {
  const fs::path path(target);
  return (path.parent_path() / fmt::format(".{}.dsrun-export", path.filename().string())).string();
}

}  // namespace

StagedFolder::StagedFolder(const std::string& target, const std::vector<std::string>& names)
    : target_(without_slash(target)), stage_(stage_of(target_)) {
  std::error_code error;
  if (fs::exists(target_, error) && !fs::is_directory(target_, error))
    throw StorageError(fmt::format("{}: it is there and no folder", target_));
  for (const std::string& name : names)
    if (fs::exists(fs::path(target_) / name, error))
      throw StorageError(fmt::format("{} already holds {}: name a folder without a model", target_, name));
  fs::remove_all(stage_, error);
  check(error, stage_);
  fs::create_directories(stage_, error);
  check(error, stage_);
}

StagedFolder::~StagedFolder() {
  std::error_code error;
  if (!stage_.empty()) fs::remove_all(stage_, error);
}

void StagedFolder::write(const std::string& name, const std::string& content) const {
  const fs::path path = fs::path(stage_) / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  check(error, path.parent_path().string());
  const Bytes all{content.data(), content.size()};
  write_synced(path.string(), std::span(&all, 1));
}

void StagedFolder::commit(const std::vector<std::string>& last) {
  sync_folder(stage_);
  std::error_code error;
  if (fs::exists(target_, error)) {
    move_files(last);
    fs::remove_all(stage_, error);
  } else {
    fs::rename(stage_, target_, error);
    check(error, target_);
  }
  stage_.clear();
  sync_folder(fs::path(target_).parent_path().string());
}

void StagedFolder::move_files(const std::vector<std::string>& last) const {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(stage_)) names.push_back(entry.path().filename());
  std::stable_partition(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(last.begin(), last.end(), name) == last.end();
  });
  for (const std::string& name : names) {
    std::error_code error;
    fs::rename(fs::path(stage_) / name, fs::path(target_) / name, error);
    check(error, fmt::format("{}/{}", target_, name));
  }
  sync_folder(target_);
}

}  // namespace dsrun
