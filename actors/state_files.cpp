#include "actors/state_files.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/write.hpp"
#include "runtime/kernels/dispatch_dtype.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

std::string dtype_name(Dtype dtype) { return dtype == Dtype::f64 ? "f64" : dtype == Dtype::f32 ? "f32" : "bf16"; }

// A part of a device's optimizer state that one range of a tensor covers.
struct Piece {
  TensorRange range;
  char* data;
  std::size_t num_bytes;
};

std::vector<Piece> owned_pieces(ParameterStore& store) {
  std::vector<Piece> pieces;
  for (BucketState& state : store.buckets())
    for (const OwnedRange& owned : owned_ranges(store.layout(state), state.member)) {
      const auto add = [&](const char* kind, const Buffer& buffer, Dtype dtype) {
        const auto size = static_cast<std::int64_t>(dtype_bytes(dtype));
        pieces.push_back({{owned.part->name + kind, dtype_name(dtype), owned.begin, owned.begin + owned.size},
                          buffer.data() + owned.offset * size,
                          static_cast<std::size_t>(owned.size * size)});
      };
      add("/master", state.master, store.wide());
      add("/moment1", state.moment1, store.moment_dtype());
      add("/moment2", state.moment2, store.moment_dtype());
    }
  return pieces;
}

// The shards of a checkpoint, each opened when first needed.
class Shards {
 public:
  explicit Shards(const SavedState& saved) : saved_(saved) {}

  void read(int rank, const TensorRange& range, void* out, std::size_t num_bytes) {
    const Shard& shard = open(rank);
    const auto found = shard.places.find({range.name, range.begin});
    if (found == shard.places.end() || shard.reader.ranges()[found->second].end != range.end ||
        shard.reader.ranges()[found->second].dtype != range.dtype)
      throw StorageError(fmt::format("the checkpoint of step {} lacks elements {} to {} of \"{}\" as {}, of rank {}",
                                     saved_.step(), range.begin, range.end, range.name, range.dtype, rank));
    shard.reader.read(found->second, out, num_bytes);
  }

 private:
  struct Shard {
    ShardReader reader;
    std::map<std::pair<std::string, std::int64_t>, std::size_t> places;  // (name, begin) → index
  };

  const Shard& open(int rank) {
    const auto index = static_cast<std::size_t>(rank);
    const auto& files = saved_.manifest.shards;
    if (index >= files.size()) throw StorageError(fmt::format("the checkpoint has no shard of rank {}", rank));
    const auto found = open_.find(rank);
    if (found != open_.end()) return found->second;
    Shard shard{ShardReader(saved_.run_dir, saved_.step(), files[index]), {}};
    for (std::size_t i = 0; i < shard.reader.ranges().size(); ++i)
      shard.places[{shard.reader.ranges()[i].name, shard.reader.ranges()[i].begin}] = i;
    return open_.emplace(rank, std::move(shard)).first->second;
  }

  const SavedState& saved_;
  std::map<int, Shard> open_;
};

// Weights as the update left them: each owner's master weights, rounded as the update rounds them.
void restore_weights(Shards& shards, ParameterStore& store, BucketState& state) {
  const Bucket& bucket = store.layout(state);
  std::vector<char> master;
  for (std::size_t member = 0; member < bucket.ranks.size(); ++member)
    for (const OwnedRange& owned : owned_ranges(bucket, static_cast<int>(member))) {
      master.resize(static_cast<std::size_t>(owned.size) * dtype_bytes(store.wide()));
      const TensorRange range{owned.part->name + "/master", dtype_name(store.wide()), owned.begin,
                              owned.begin + owned.size};
      shards.read(bucket.ranks[member], range, master.data(), master.size());
      const std::int64_t first = bucket.shard_size() * static_cast<std::int64_t>(member) + owned.offset;
      dispatch_dtype(store.wide(), [&](auto wide) {
        dispatch_dtype(store.weight_dtype(), [&](auto weight) {
          using Wide = decltype(wide);
          using Weight = decltype(weight);
          if constexpr (std::is_constructible_v<Wide, Weight> && !std::is_same_v<Wide, Bf16>) {
            const auto* from = reinterpret_cast<const Wide*>(master.data());
            auto* to = reinterpret_cast<Weight*>(state.weights.data()) + first;
            for (std::int64_t i = 0; i < owned.size; ++i) to[i] = Weight(from[i]);
          }
        });
      });
    }
}

}  // namespace

std::optional<SavedState> find_saved_state(const std::string& run_dir) {
  std::optional<Manifest> manifest = find_latest_checkpoint(run_dir);
  if (!manifest) return std::nullopt;
  try {
    SavedState saved{run_dir, *manifest, manifest->state.at("biases"), manifest->state.at("validated")};
    return saved;
  } catch (const json::exception& error) {
    throw StorageError(
        fmt::format("{}: the manifest of step {} is not of this program: {}", run_dir, manifest->step, error.what()));
  }
}

std::string save_device(const std::string& run_dir, DeviceCore& core, std::int64_t step) {
  std::vector<RangeToSave> ranges;
  for (Piece& piece : owned_pieces(core.parameters()))
    ranges.push_back({std::move(piece.range), piece.data, piece.num_bytes});
  return to_json(write_shard(run_dir, step, core.context().rank, ranges)).dump();
}

void commit_save(const std::string& run_dir, const Job& job, const SaveFinished& save) {
  Manifest manifest;
  manifest.step = save.step;
  manifest.job = to_json(job);
  manifest.state = {{"biases", save.biases}, {"validated", save.validated}};
  for (const ShardSaved& shard : save.shards)
    manifest.shards.push_back(shard_from_json(json::parse(shard.description)));
  commit_checkpoint(run_dir, manifest);
}

void restore_device(const SavedState& saved, DeviceCore& core) {
  Shards shards(saved);
  ParameterStore& store = core.parameters();
  for (const Piece& piece : owned_pieces(store))
    shards.read(core.context().rank, piece.range, piece.data, piece.num_bytes);
  for (BucketState& state : store.buckets()) restore_weights(shards, store, state);
  core.set_biases(saved.biases);
}

}  // namespace dsrun
