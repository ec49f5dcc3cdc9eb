// [memory]: which values are kept and which are computed again.
#pragma once

namespace dsrun {

// What the backward pass computes again instead of keeping it; models/passes/recompute.hpp.
struct RecomputeSpec {
  bool rms_norm = false;  // outputs of RMSNorms
  bool mla_up = false;    // queries, keys and values, computed from their latents
  bool swiglu = false;    // outputs of SwiGLUs
  bool full = false;      // everything except the residual stream between layers and what routing decided
  bool operator==(const RecomputeSpec&) const = default;
};

// [memory]
struct MemorySpec {
  RecomputeSpec recompute;
  bool operator==(const MemorySpec&) const = default;
};

}  // namespace dsrun
