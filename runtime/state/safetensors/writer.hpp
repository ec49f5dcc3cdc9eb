// Writes a model as safetensors files, tensor by tensor: only the piece in hand is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "runtime/state/safetensors/header.hpp"

namespace dsrun {

using PutBytes = std::function<void(std::span<const std::byte>)>;
// Provides tensor `index`: calls `put` with the tensor's bytes, in any number of pieces.
using TensorSource = std::function<void(std::size_t index, const PutBytes& put)>;

// Writes one model.safetensors, or numbered files and the index. A numbered file has at most most_shard_bytes bytes of
// tensors; a larger tensor gets a file of its own. Files take the tensors in the order of the list. Within a file wider
// elements come first, which keeps all of them aligned; `source` is called in that order. A crash leaves no model that
// opens: files get their names after all are synced, the index last. An error removes what was written. Throws
// SafetensorsError for a name that is empty or comes twice, and for a source that provides too few or too many bytes.
// Also for a folder that already holds a model, and for faults of the file system.
void write_safetensors_model(const std::string& folder, std::span<const SafetensorsShape> tensors,
                             std::uint64_t most_shard_bytes, const TensorSource& source);

}  // namespace dsrun
