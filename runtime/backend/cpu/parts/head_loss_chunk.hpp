// How many rows of logits head_loss makes at a time; tests cross its boundary.
#pragma once

#include <cstdint>

namespace dsrun {

std::int64_t head_loss_chunk_rows(std::int64_t vocab);

}  // namespace dsrun
