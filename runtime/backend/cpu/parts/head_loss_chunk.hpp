// How many rows of logits head_loss computes at a time. Tests use it to cross the boundary of a chunk.
#pragma once

#include <cstdint>

namespace dsrun {

std::int64_t head_loss_chunk_rows(std::int64_t vocab);

}  // namespace dsrun
