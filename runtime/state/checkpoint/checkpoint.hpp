// Checkpoints on disk: one shard file for each rank, and a manifest that commits them.
//
//   RUN/checkpoints/step-0000000120/rank-0003.shard …, manifest.json
//
// A shard is a header (JSON: tensor ranges, their place and hash) and the ranges' bytes. The manifest is written last,
// to a temporary name. It is renamed into place after every file and folder has been synced: a committed checkpoint
// loads, a torn one is never offered. Ranges refer to flat global tensors, so that another mesh can read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "runtime/state/checkpoint/files.hpp"

namespace dsrun {

std::uint64_t element_size(const std::string& dtype);  // bytes; 0: no such type

struct TensorRange {
  std::string name;        // "model.norm.weight/master"
  std::string dtype;       // "f64", "f32", "bf16"
  std::int64_t begin = 0;  // elements of the flat global tensor
  std::int64_t end = 0;
};

struct RangeToSave {
  TensorRange range;
  const void* data = nullptr;
  std::size_t num_bytes = 0;
};

struct ShardFile {
  std::string file;  // name within the checkpoint's folder
  std::uint64_t num_bytes = 0;
  std::uint64_t header_hash = 0;  // XXH3 of the header, which holds the hashes of the ranges
};
nlohmann::json to_json(const ShardFile& shard);
ShardFile shard_from_json(const nlohmann::json& object);  // throws StorageError

std::string checkpoint_folder(const std::string& run_dir, std::int64_t step);

// Writes and syncs one rank's shard. It makes the folder, or withdraws a checkpoint that was committed there. Throws
// StorageError.
ShardFile write_shard(const std::string& run_dir, std::int64_t step, int rank, const std::vector<RangeToSave>& ranges,
                      FileSystem& files = machine_files());

// JSON as a manifest holds it and hashes it. Bytes that are not UTF-8, which a path may have, are replaced.
std::string manifest_text(const nlohmann::json& value, int indent = -1);

struct Manifest {
  std::int64_t step = 0;
  std::string job;                // manifest_text() of the job, opaque here
  std::string state;              // manifest_text() of the coordinator's state, such as router biases; opaque here
  std::vector<ShardFile> shards;  // by rank
};

// Commits a checkpoint whose shards are all written. Then it removes torn checkpoints, and old ones so that at most
// `keep` remain. It leaves alone a checkpoint that the disk does not let it read. Throws StorageError if it did not
// commit.
void commit_checkpoint(const std::string& run_dir, const Manifest& manifest, int keep = 2,
                       FileSystem& files = machine_files());

// Steps whose checkpoint was committed but is now damaged or incomplete, newest first. This function and the next throw
// StorageError if the disk refuses a read. A checkpoint that cannot be read now may be whole, and a job that started
// from an earlier one would write over it.
std::vector<std::int64_t> find_damaged_checkpoints(const std::string& run_dir, FileSystem& files = machine_files());
// The newest committed checkpoint whose shard files are all there in full size; nullopt: none.
std::optional<Manifest> find_latest_checkpoint(const std::string& run_dir, FileSystem& files = machine_files());

// One shard, opened for reading. Every range's hash is checked when the range is read. Throws StorageError.
class ShardReader {
 public:
  ShardReader(const std::string& run_dir, std::int64_t step, const ShardFile& shard,
              FileSystem& files = machine_files());
  const std::vector<TensorRange>& ranges() const { return ranges_; }
  // Reads range `index` to `out`, which has room for num_bytes, exactly the size of the range.
  void read(std::size_t index, void* out, std::size_t num_bytes) const;

 private:
  FileSystem* files_;
  std::string path_;
  std::vector<TensorRange> ranges_;
  struct Extent {
    std::uint64_t offset;
    std::uint64_t num_bytes;
    std::uint64_t hash;
  };
  std::vector<Extent> extents_;
};

}  // namespace dsrun
