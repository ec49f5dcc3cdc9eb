// The eight steps that DualPipe and DualPipeV share. Source: DeepSeek-V3 technical report, arXiv:2412.19437, section
// 3.2.1, and the DualPipe repository, by whose numbers the steps are called here.
#pragma once

#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

// A rank's program depends only on `depth` and `half`. `depth` is the rank's distance from the end at which phase 0's
// microbatches enter; `half` is the number of ranks from that end to the turning point. Phase 0 is stage `depth`, phase
// 1 the stage at the same distance from the last stage. Precondition: num_microbatches (of a phase) >= 2 * half.
RankProgram dualpipe_rank(std::vector<Chunk> chunks, int depth, int half, int num_microbatches);

// Of any rank: live forwards; deferred weight gradients.
inline int dualpipe_live_forwards(int half) { return 2 * half + 1; }
inline int dualpipe_deferred(int depth) { return depth + 1; }

}  // namespace dsrun
