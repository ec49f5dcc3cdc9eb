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
// Hands tensor `index` over: calls `put` with its bytes, in as many pieces as it likes.
using TensorSource = std::function<void(std::size_t index, const PutBytes& put)>;

// One model.safetensors, or numbered files of at most most_shard_bytes of tensors each (a larger tensor has one of its
// own) and the index. Files take the tensors as listed; within a file wider elements come first, which keeps all of
// them aligned, and `source` is called in that order. A crash leaves no model behind that opens: names appear when all
// files are synced, the index last; an error removes what was written. Throws SafetensorsError: a name twice or empty,
// a source that hands over too few or too many bytes, a folder that already holds a model, the file system's faults.
void write_safetensors_model(const std::string& folder, std::span<const SafetensorsShape> tensors,
                             std::uint64_t most_shard_bytes, const TensorSource& source);

}  // namespace dsrun
