// CheckpointTensors reads any range of any tensor of a checkpoint, whichever shards hold its parts. So another mesh can
// read a state that one mesh has written, and a program can export it as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/state/checkpoint/checkpoint.hpp"

namespace dsrun {

class CheckpointTensors {
 public:
  // Opens every shard and reads its header. Throws StorageError.
  CheckpointTensors(const std::string& run_dir, const Manifest& manifest, FileSystem& files = machine_files());

  // Reads elements [begin, end) of a tensor to `out`, which has room for exactly these. Throws StorageError if an
  // element was not saved, was saved as another type, or is damaged.
  void read(const TensorRange& range, void* out);

 private:
  struct Piece {  // a range of one tensor, in one shard
    std::int64_t begin, end;
    std::size_t shard, index;
  };
  const std::vector<char>& whole(const Piece& piece, std::size_t num_bytes);
  [[noreturn]] void lacks(const TensorRange& range) const;

  std::string what_;  // for messages
  std::vector<ShardReader> shards_;
  std::unordered_map<std::string, std::vector<Piece>> pieces_;  // ascending in begin
  // The piece last read in part: its other parts are likely to be asked for next.
  std::vector<char> kept_;
  std::size_t kept_shard_ = SIZE_MAX, kept_index_ = 0;
};

}  // namespace dsrun
