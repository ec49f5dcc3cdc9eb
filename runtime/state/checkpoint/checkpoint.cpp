#include "runtime/state/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dsrun {
namespace {

using nlohmann::json;

constexpr std::array<char, 8> magic = {'d', 's', 'r', 's', 'h', 'd', '0', '1'};
constexpr std::uint64_t largest_header = 64 << 20;
constexpr std::uint64_t largest_manifest = 64 << 20;
constexpr int deepest_manifest = 32;  // printing JSON recurses
constexpr int format_version = 1;

std::string folder_name(std::int64_t step) { return fmt::format("step-{:010}", step); }

std::string shard_path(const std::string& run_dir, std::int64_t step, const std::string& file) {
  return checkpoint_folder(run_dir, step) + "/" + file;
}

// A JSON member of the expected kind, or a StorageError that names the file.
template <class T>
T member(const json& object, const char* name, const std::string& path) {
  try {
    return object.at(name).get<T>();
  } catch (const json::exception&) {
    throw StorageError(fmt::format("{}: no usable \"{}\"", path, name));
  }
}

// nullopt: there is none that is whole.
std::optional<Manifest> read_manifest(const std::string& folder, FileSystem& files) {
  const std::string path = folder + "/manifest.json";
  const std::optional<std::uint64_t> size = files.size_of(path);
  if (!size || *size > largest_manifest) return std::nullopt;
  std::string whole(*size, '\0');
  read_exactly(path, 0, whole.data(), whole.size(), files);
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < deepest_manifest; };
  const json object = json::parse(whole, shallow, false);
  if (!object.is_object() || member<int>(object, "version", path) != format_version) return std::nullopt;
  const json body = member<json>(object, "body", path);
  const std::string text = manifest_text(body);
  if (member<std::uint64_t>(object, "hash", path) != hash_bytes(text.data(), text.size())) return std::nullopt;
  Manifest manifest{member<std::int64_t>(body, "step", path),
                    manifest_text(member<json>(body, "job", path)),
                    manifest_text(member<json>(body, "state", path)),
                    {}};
  for (const json& shard : member<json>(body, "shards", path)) manifest.shards.push_back(shard_from_json(shard));
  return manifest;
}

// Whether every shard is there in full size.
bool complete(const std::string& folder, const Manifest& manifest, FileSystem& files) {
  return std::all_of(manifest.shards.begin(), manifest.shards.end(), [&](const ShardFile& shard) {
    return files.size_of(folder + "/" + shard.file) == shard.num_bytes;
  });
}

// Steps that have a checkpoint's folder, newest first. Folders of other names are a person's: neither offered nor
// removed.
std::vector<std::int64_t> steps_found(const std::string& run_dir, FileSystem& files) {
  std::vector<std::int64_t> found;
  for (const std::string& name : files.list(run_dir + "/checkpoints")) {
    std::int64_t step = 0;
    const std::size_t prefix = std::min(name.size(), std::string_view("step-").size());
    std::from_chars(name.data() + prefix, name.data() + name.size(), step);
    if (name == folder_name(step)) found.push_back(step);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

// nullopt: it is torn. Throws FileError where the disk does not let it be read.
std::optional<Manifest> read_whole(const std::string& run_dir, std::int64_t step, FileSystem& files) {
  try {
    const std::string folder = checkpoint_folder(run_dir, step);
    std::optional<Manifest> manifest = read_manifest(folder, files);
    if (manifest && manifest->step == step && complete(folder, *manifest, files)) return manifest;
  } catch (const FileError&) {
    throw;
  } catch (const StorageError&) {  // torn: the one before may be whole
  }
  return std::nullopt;
}

// A folder that is written anew is no committed checkpoint until its manifest is. Another rank may have removed the
// manifest and not synced the folder yet: hence every rank does.
void make_folder_to_write(const std::string& run_dir, std::int64_t step, FileSystem& files) {
  const std::string folder = checkpoint_folder(run_dir, step);
  if (files.make_folder(folder)) return;
  files.remove(folder + "/manifest.json");
  files.sync_folder(folder);
}

void remove_checkpoint(const std::string& folder, FileSystem& files) {
  files.remove(folder + "/manifest.json");  // first: what is half removed is no damaged checkpoint
  for (const std::string& name : files.list(folder)) files.remove(folder + "/" + name);
  files.remove(folder);
}

// Whether it is certain that nobody misses this checkpoint.
bool dispensable(const std::string& run_dir, std::int64_t step, int& kept, int keep, FileSystem& files) {
  try {
    if (!read_whole(run_dir, step, files)) return true;
    return ++kept > keep;
  } catch (const FileError&) {  // no descriptor is free, say: it may well be whole
    return false;
  }
}

// Removes all but the checkpoint just committed and the newest others, `keep` in all.
void remove_old(const std::string& run_dir, std::int64_t committed, int keep, FileSystem& files) {
  int kept = 1;
  for (const std::int64_t step : steps_found(run_dir, files))
    if (step != committed && dispensable(run_dir, step, kept, keep, files)) {
      try {
        remove_checkpoint(checkpoint_folder(run_dir, step), files);
      } catch (const FileError&) {  // the next commit tries again
      }
    }
}

// Where the run's folder is new its own name has to survive too. A folder that may not be opened is not the run's
// user's, who therefore has not just made a folder there.
void sync_parent(const std::string& run_dir, FileSystem& files) {
  const std::size_t slash = run_dir.find_last_of('/', run_dir.find_last_not_of('/'));
  try {
    files.sync_folder(slash == std::string::npos ? "." : slash == 0 ? "/" : run_dir.substr(0, slash));
  } catch (const FileError&) {
  }
}

}  // namespace

std::uint64_t element_size(const std::string& dtype) {
  return dtype == "f64" ? 8 : dtype == "f32" ? 4 : dtype == "bf16" ? 2 : 0;
}

std::string manifest_text(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

json to_json(const ShardFile& shard) {
  return {{"file", shard.file}, {"bytes", shard.num_bytes}, {"header_hash", shard.header_hash}};
}

ShardFile shard_from_json(const json& object) {
  ShardFile shard{member<std::string>(object, "file", "shard"), member<std::uint64_t>(object, "bytes", "shard"),
                  member<std::uint64_t>(object, "header_hash", "shard")};
  if (shard.file.find('/') != std::string::npos || shard.file.empty() || shard.file[0] == '.')
    throw StorageError(fmt::format("\"{}\" is no name of a shard", shard.file));
  return shard;
}

std::string checkpoint_folder(const std::string& run_dir, std::int64_t step) {
  return fmt::format("{}/checkpoints/{}", run_dir, folder_name(step));
}

ShardFile write_shard(const std::string& run_dir, std::int64_t step, int rank, const std::vector<RangeToSave>& ranges,
                      FileSystem& files) {
  make_folder_to_write(run_dir, step, files);
  json entries = json::array();
  std::vector<Bytes> parts(3);
  std::uint64_t offset = 0;
  for (const RangeToSave& each : ranges) {
    entries.push_back({{"name", each.range.name},
                       {"dtype", each.range.dtype},
                       {"begin", each.range.begin},
                       {"end", each.range.end},
                       {"offset", offset},
                       {"hash", hash_bytes(each.data, each.num_bytes)}});
    parts.push_back({each.data, each.num_bytes});
    offset += each.num_bytes;
  }
  const std::string header = entries.dump();
  const std::uint64_t length = header.size();
  parts[0] = {magic.data(), magic.size()};
  parts[1] = {&length, sizeof length};
  parts[2] = {header.data(), header.size()};
  ShardFile shard{fmt::format("rank-{:04}.shard", rank), magic.size() + sizeof length + header.size() + offset,
                  hash_bytes(header.data(), header.size())};
  write_synced(shard_path(run_dir, step, shard.file), parts, files);
  return shard;
}

void commit_checkpoint(const std::string& run_dir, const Manifest& manifest, int keep, FileSystem& files) {
  json body = {{"step", manifest.step},
               {"job", json::parse(manifest.job)},
               {"state", json::parse(manifest.state)},
               {"shards", json::array()}};
  for (const ShardFile& shard : manifest.shards) body["shards"].push_back(to_json(shard));
  const std::string text = manifest_text(body);
  const std::string whole =
      manifest_text({{"version", format_version}, {"hash", hash_bytes(text.data(), text.size())}, {"body", body}}, 1);
  const std::string folder = checkpoint_folder(run_dir, manifest.step);
  const Bytes bytes{whole.data(), whole.size()};
  write_synced(folder + "/manifest.json.part", {&bytes, 1}, files);
  files.sync_folder(folder);
  files.rename(folder + "/manifest.json.part", folder + "/manifest.json");
  files.sync_folder(folder);
  files.sync_folder(run_dir + "/checkpoints");
  files.sync_folder(run_dir);
  sync_parent(run_dir, files);
  try {
    remove_old(run_dir, manifest.step, keep, files);
  } catch (const FileError&) {  // the checkpoint is committed all the same
  }
}

std::vector<std::int64_t> find_damaged_checkpoints(const std::string& run_dir, FileSystem& files) {
  std::vector<std::int64_t> damaged;
  for (const std::int64_t step : steps_found(run_dir, files))
    if (files.size_of(checkpoint_folder(run_dir, step) + "/manifest.json") && !read_whole(run_dir, step, files))
      damaged.push_back(step);
  return damaged;
}

std::optional<Manifest> find_latest_checkpoint(const std::string& run_dir, FileSystem& files) {
  for (const std::int64_t step : steps_found(run_dir, files))
    if (std::optional<Manifest> manifest = read_whole(run_dir, step, files)) return manifest;
  return std::nullopt;
}

ShardReader::ShardReader(const std::string& run_dir, std::int64_t step, const ShardFile& shard, FileSystem& files)
    : files_(&files), path_(shard_path(run_dir, step, shard.file)) {
  struct {
    std::array<char, 8> magic;
    std::uint64_t length;
  } head{};
  read_exactly(path_, 0, &head, sizeof head, files);
  const std::uint64_t before = sizeof head;
  if (head.magic != magic) throw StorageError(fmt::format("{}: this is no shard", path_));
  if (head.length > largest_header || head.length + before > shard.num_bytes)
    throw StorageError(fmt::format("{}: a header of {} bytes cannot be", path_, head.length));
  std::string header(head.length, '\0');
  read_exactly(path_, before, header.data(), header.size(), files);
  if (hash_bytes(header.data(), header.size()) != shard.header_hash)
    throw StorageError(fmt::format("{}: the header is not the one that was committed", path_));
  const json entries = json::parse(header, nullptr, false);
  if (!entries.is_array()) throw StorageError(fmt::format("{}: the header is malformed", path_));
  const std::uint64_t data_size = shard.num_bytes - before - head.length;
  std::uint64_t expected = 0;  // ranges lie end to end: no gaps, no overlaps
  for (const json& entry : entries) {
    TensorRange range{member<std::string>(entry, "name", path_), member<std::string>(entry, "dtype", path_),
                      member<std::int64_t>(entry, "begin", path_), member<std::int64_t>(entry, "end", path_)};
    const std::uint64_t size = element_size(range.dtype);
    if (size == 0 || range.begin < 0 || range.end < range.begin ||
        static_cast<std::uint64_t>(range.end - range.begin) > (data_size - expected) / size ||
        member<std::uint64_t>(entry, "offset", path_) != expected)
      throw StorageError(fmt::format("{}: the range of \"{}\" is wrong", path_, range.name));
    const std::uint64_t num_bytes = static_cast<std::uint64_t>(range.end - range.begin) * size;
    extents_.push_back({before + head.length + expected, num_bytes, member<std::uint64_t>(entry, "hash", path_)});
    expected += num_bytes;
    ranges_.push_back(std::move(range));
  }
}

void ShardReader::read(std::size_t index, void* out, std::size_t num_bytes) const {
  const Extent& extent = extents_.at(index);
  if (num_bytes != extent.num_bytes)
    throw StorageError(
        fmt::format("{}: \"{}\" has {} bytes, not {}", path_, ranges_[index].name, extent.num_bytes, num_bytes));
  read_exactly(path_, extent.offset, out, num_bytes, *files_);
  if (hash_bytes(out, num_bytes) != extent.hash)
    throw StorageError(fmt::format("{}: \"{}\" is damaged", path_, ranges_[index].name));
}

}  // namespace dsrun
