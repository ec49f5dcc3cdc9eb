#include "runtime/state/safetensors/writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/checkpoint/files.hpp"
#include "runtime/state/safetensors/model.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

struct ShardPlan {
  std::string name;
  std::vector<std::size_t> tensors;  // indices, in the order of their bytes
};

// A file under a temporary name, removed unless it is renamed.
class PartFile {
 public:
  explicit PartFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {
    fd_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd_ < 0) fail("cannot open");
  }
  ~PartFile() {
    if (fd_ >= 0) close(fd_);
    if (!part_.empty()) unlink(part_.c_str());
  }
  PartFile(PartFile&& other) noexcept
      : path_(std::move(other.path_)), part_(std::exchange(other.part_, {})), fd_(std::exchange(other.fd_, -1)) {}
  PartFile& operator=(PartFile&&) = delete;

  const std::string& path() const { return path_; }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail("cannot write");
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void write(const std::string& text) { write(std::as_bytes(std::span(text))); }
  void sync() {
    if (fsync(fd_) != 0) fail("cannot sync");
    if (close(std::exchange(fd_, -1)) != 0) fail("cannot close");
  }
  void rename() {
    if (std::rename(part_.c_str(), path_.c_str()) != 0) fail("cannot rename");
    part_.clear();
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    const std::string reason = fmt::format("{}: {}", what, std::strerror(errno));
    throw SafetensorsError(path_, "", reason);
  }

  std::string path_;
  std::string part_;
  int fd_ = -1;
};

std::vector<ShardPlan> plan_shards(std::span<const SafetensorsShape> tensors, std::uint64_t most_shard_bytes,
                                   const std::string& folder) {
  std::vector<ShardPlan> shards(1);
  std::uint64_t filled = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t size = num_bytes(tensors[i], folder);
    if (!shards.back().tensors.empty() && (filled > most_shard_bytes || size > most_shard_bytes - filled)) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().tensors.push_back(i);
    filled += size;
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1 ? std::string(safetensors_file_name)
                                        : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    std::stable_sort(shards[i].tensors.begin(), shards[i].tensors.end(), [&](std::size_t a, std::size_t b) {
      return size_of(tensors[a].dtype) > size_of(tensors[b].dtype);
    });
  }
  return shards;
}

PartFile write_file(const std::string& folder, const ShardPlan& shard, std::span<const SafetensorsShape> tensors,
                    const TensorSource& source) {
  PartFile file(folder + "/" + shard.name);
  std::vector<SafetensorsShape> listed;
  for (const std::size_t i : shard.tensors) listed.push_back(tensors[i]);
  const std::string header = make_safetensors_header(listed, file.path());
  if (header.size() > longest_safetensors_header)
    throw SafetensorsError(file.path(), "", fmt::format("a header of {} bytes is too long", header.size()));
  file.write(header);
  for (const std::size_t i : shard.tensors) {
    const std::uint64_t expected = num_bytes(tensors[i], file.path());
    std::uint64_t written = 0;
    source(i, [&](std::span<const std::byte> bytes) {
      written += bytes.size();
      if (written <= expected) file.write(bytes);
    });
    if (written != expected)
      throw SafetensorsError(file.path(), tensors[i].name,
                             fmt::format("{} bytes were handed over, {} are needed", written, expected));
  }
  file.sync();
  return file;
}

PartFile write_index(const std::string& folder, const std::vector<ShardPlan>& shards,
                     std::span<const SafetensorsShape> tensors) {
  PartFile file(fmt::format("{}/{}", folder, safetensors_index_name));
  std::uint64_t total = 0;
  nlohmann::json map = nlohmann::json::object();
  for (const ShardPlan& shard : shards) {
    for (const std::size_t i : shard.tensors) {
      map[tensors[i].name] = shard.name;
      total += num_bytes(tensors[i], file.path());
    }
  }
  file.write(nlohmann::json{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}}.dump(2) + "\n");
  file.sync();
  return file;
}

void check(const std::string& folder, std::span<const SafetensorsShape> tensors) {
  std::set<std::string_view> names;
  for (const SafetensorsShape& tensor : tensors) {
    if (tensor.name.empty() || tensor.name.starts_with("__"))
      throw SafetensorsError(folder, tensor.name, "this cannot be a tensor's name");
    if (!names.insert(tensor.name).second) throw SafetensorsError(folder, tensor.name, "the name is there twice");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw SafetensorsError(folder, "", error.message());
  for (const std::string_view name : {safetensors_file_name, safetensors_index_name})
    if (fs::exists(fmt::format("{}/{}", folder, name), error))
      throw SafetensorsError(folder, "", fmt::format("it already holds a model: {} is there", name));
}

}  // namespace

void write_safetensors_model(const std::string& folder, std::span<const SafetensorsShape> tensors,
                             std::uint64_t most_shard_bytes, const TensorSource& source) {
  check(folder, tensors);
  const std::vector<ShardPlan> shards = plan_shards(tensors, most_shard_bytes, folder);
  std::vector<PartFile> files;
  for (const ShardPlan& shard : shards) files.push_back(write_file(folder, shard, tensors, source));
  if (shards.size() > 1) files.push_back(write_index(folder, shards, tensors));
  for (PartFile& file : files) {
    if (&file == &files.back()) sync_folder(folder);  // the index comes after all that it names
    file.rename();
  }
  sync_folder(folder);
}

}  // namespace dsrun
