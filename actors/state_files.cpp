#include "actors/state_files.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/write.hpp"
#include "runtime/memory/dispatch_dtype.hpp"
#include "runtime/schedule/enum_table.hpp"
#include "runtime/state/checkpoint/tensors.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

constexpr int checkpoints_kept = 2;

std::string dtype_name(Dtype dtype) {
  constexpr EnumNames<Dtype, 4> names(
      {{Dtype::f64, "f64"}, {Dtype::f32, "f32"}, {Dtype::bf16, "bf16"}, {Dtype::i32, "i32"}});
  return std::string(names[dtype]);
}

// A part of a device's optimizer state that one range of a tensor covers.
struct Piece {
  TensorRange range;
  char* data;
  std::size_t num_bytes;
};

std::vector<Piece> owned_pieces(ParameterStore& store, const char* average = average_suffix) {
  std::vector<Piece> pieces;
  for (BucketState& state : store.buckets())
    for (const OwnedRange& owned : owned_ranges(store.layout(state), state.member)) {
      const auto add = [&](const char* kind, const Buffer& buffer, Dtype dtype) {
        const auto size = static_cast<std::int64_t>(dtype_bytes(dtype));
        pieces.push_back({{owned.part->name + kind, dtype_name(dtype), owned.begin, owned.begin + owned.size},
                          buffer.data() + owned.offset * size,
                          static_cast<std::size_t>(owned.size * size)});
      };
      add(master_suffix, state.master, store.wide());
      add("/moment1", state.moment1, store.moment_dtype());
      add("/moment2", state.moment2, store.moment_dtype());
      if (state.average) add(average, state.average, store.wide());
    }
  return pieces;
}

// Weights as the update left them: the owners' master weights, rounded as the update rounds them. Or their averages.
void restore_weights(CheckpointTensors& tensors, ParameterStore& store, BucketState& state, const char* suffix) {
  std::vector<char> master;
  for (const TensorPart& part : store.layout(state).parts) {
    master.resize(static_cast<std::size_t>(part.size) * dtype_bytes(store.wide()));
    tensors.read({part.name + suffix, dtype_name(store.wide()), part.global_begin, part.global_begin + part.size},
                 master.data());
    const TensorView weights = store.weights_of(state, part.offset, static_cast<std::size_t>(part.size));
    dispatch_dtype(store.wide(), [&]<class Wide>(Wide) {
      dispatch_dtype(store.weight_dtype(), [&]<class Weight>(Weight) {
        if constexpr (std::is_constructible_v<Wide, Weight> && !std::is_same_v<Wide, Bf16>) {
          const auto* from = reinterpret_cast<const Wide*>(master.data());
          std::transform(from, from + part.size, weights.as<Weight>(), [](Wide value) { return Weight(value); });
        }
      });
    });
  }
}

}  // namespace

std::optional<SavedState> find_saved_state(const std::string& run_dir, FileSystem& files) {
  std::optional<Manifest> manifest = find_latest_checkpoint(run_dir, files);
  if (!manifest) return std::nullopt;
  try {
    const json state = json::parse(manifest->state);
    SavedState saved{run_dir, *manifest, state.at("biases"), state.at("validated"), {}, {}};
    if (state.contains("text")) saved.text = state.at("text").get<std::uint64_t>();
    if (state.contains("samples")) saved.samples = state.at("samples").get<std::int64_t>();
    return saved;
  } catch (const json::exception& error) {
    throw StorageError(
        fmt::format("{}: the manifest of step {} is not of this program: {}", run_dir, manifest->step, error.what()));
  }
}

bool SavedState::has_average() const {
  const json decay = json::parse(manifest.job).value(json::json_pointer("/optimizer/ema_decay"), json(0.0));
  return decay.is_number() && decay.get<double>() > 0;
}

std::string save_device(const std::string& run_dir, DeviceCore& core, std::int64_t step, FileSystem& files) {
  std::vector<RangeToSave> ranges;
  for (Piece& piece : owned_pieces(core.parameters()))
    ranges.push_back({std::move(piece.range), piece.data, piece.num_bytes});
  return to_json(write_shard(run_dir, step, core.context().rank, ranges, files)).dump();
}

void commit_save(const std::string& run_dir, const Job& job, const SaveFinished& save, std::uint64_t text,
                 std::int64_t samples, FileSystem& files) {
  Manifest manifest;
  manifest.step = save.step;
  manifest.job = manifest_text(to_json(job));
  manifest.state =
      manifest_text({{"biases", save.biases}, {"validated", save.validated}, {"text", text}, {"samples", samples}});
  for (const ShardSaved& shard : save.shards)
    manifest.shards.push_back(shard_from_json(json::parse(shard.description)));
  commit_checkpoint(run_dir, manifest, checkpoints_kept, files);
}

void restore_device(const SavedState& saved, DeviceCore& core, SavedWeights weights, FileSystem& files) {
  CheckpointTensors tensors(saved.run_dir, saved.manifest, files);
  ParameterStore& store = core.parameters();
  if (store.trains())
    for (const Piece& piece : owned_pieces(store, saved.has_average() ? average_suffix : master_suffix))
      tensors.read(piece.range, piece.data);
  for (BucketState& state : store.buckets())
    restore_weights(tensors, store, state, weights == SavedWeights::average ? average_suffix : master_suffix);
  core.set_biases(saved.biases);
}

}  // namespace dsrun
