// The machine: its cores, and its peak for matrix products, measured at start-up: what model FLOPs utilisation is
// relative to.
#pragma once

#include "dsl/job.hpp"

namespace dsrun {

int num_cores();  // at least 1

// FLOP/s of `num_threads_total` threads that each multiply 1024 × 1024 matrices at the same time, the best of
// twelve rounds. By the threads' CPU time, so that what else runs on the machine does not make the peak look low. Takes
// some 150 ms in bf16, 300 ms in fp32.
double measure_gemm_peak(Precision precision, int num_threads_total);

}  // namespace dsrun
