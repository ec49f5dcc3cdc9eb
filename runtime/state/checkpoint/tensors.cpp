#include "runtime/state/checkpoint/tensors.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace dsrun {

CheckpointTensors::CheckpointTensors(const std::string& run_dir, const Manifest& manifest, FileSystem& files)
    : what_(fmt::format("the checkpoint of step {}", manifest.step)) {
  for (const ShardFile& file : manifest.shards) {
    const ShardReader& shard = shards_.emplace_back(run_dir, manifest.step, file, files);
    for (std::size_t i = 0; i < shard.ranges().size(); ++i) {
      const TensorRange& range = shard.ranges()[i];
      pieces_[range.name].push_back({range.begin, range.end, shards_.size() - 1, i});
    }
  }
  for (auto& [name, pieces] : pieces_)
    std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
}

void CheckpointTensors::read(const TensorRange& range, void* out) {
  const auto found = pieces_.find(range.name);
  if (found == pieces_.end()) lacks(range);
  const std::vector<Piece>& pieces = found->second;
  const auto size = static_cast<std::int64_t>(element_size(range.dtype));
  auto* to = static_cast<char*>(out);
  // The last piece that begins at or before the range; on from there they must lie end to end.
  auto piece = std::upper_bound(pieces.begin(), pieces.end(), range.begin,
                                [](std::int64_t begin, const Piece& each) { return begin < each.begin; });
  if (piece != pieces.begin()) --piece;
  for (std::int64_t at = range.begin; at < range.end; ++piece) {
    if (piece == pieces.end() || at < piece->begin || at >= piece->end ||
        shards_[piece->shard].ranges()[piece->index].dtype != range.dtype)
      lacks(range);
    const std::int64_t last = std::min(range.end, piece->end);
    const auto num_bytes = static_cast<std::size_t>((piece->end - piece->begin) * size);
    if (at == piece->begin && last == piece->end)
      shards_[piece->shard].read(piece->index, to, num_bytes);
    else
      std::memcpy(to, whole(*piece, num_bytes).data() + (at - piece->begin) * size,
                  static_cast<std::size_t>((last - at) * size));
    to += (last - at) * size;
    at = last;
  }
}

const std::vector<char>& CheckpointTensors::whole(const Piece& piece, std::size_t num_bytes) {
  if (piece.shard != kept_shard_ || piece.index != kept_index_) {
    kept_shard_ = SIZE_MAX;  // in case the next line throws
    kept_.resize(num_bytes);
    shards_[piece.shard].read(piece.index, kept_.data(), num_bytes);
    kept_shard_ = piece.shard;
    kept_index_ = piece.index;
  }
  return kept_;
}

void CheckpointTensors::lacks(const TensorRange& range) const {
  throw StorageError(fmt::format("{} lacks elements {} to {} of \"{}\" as {}", what_, range.begin, range.end,
                                 range.name, range.dtype));
}

}  // namespace dsrun
