// The machine: its processor, and its peaks for matrix products and for memory. The former is measured at start-up:
// what model FLOPs utilisation is relative to.
#pragma once

#include <string>
#include <vector>

#include "dsl/specs/precision.hpp"

namespace dsrun {

// The numbers of the cores that this process may run on, at least one. Like num_cores(), as the first call finds it.
const std::vector<int>& usable_cores();

// How many cores' worth of time this process may use, at least 1: its control groups may grant less than all of
// usable_cores(); rounded up.
int num_cores();

// FLOP/s of `num_threads_total` threads that each multiply 1024 × 1024 matrices at the same time, the best of
// twelve rounds. By the threads' CPU time, so that what else runs on the machine does not make the peak look low. Takes
// some 150 ms in bf16, 300 ms in fp32.
double measure_gemm_peak(Precision precision, int num_threads_total);

// Bytes a second of `num_threads_total` threads that each compute a = b + s · c at the same time on arrays larger than
// caches, the best of several rounds; by CPU time as well.
double measure_memory_bandwidth(int num_threads_total);

std::string processor_name();  // as the kernel tells it; "unknown" otherwise

}  // namespace dsrun
