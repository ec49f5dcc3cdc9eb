// The machine: its processor, and its peaks for matrix products and for memory. The peak for matrix products is
// measured at start-up; model FLOPs utilisation is relative to it.
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

// FLOP/s of `num_threads_total` threads that each multiply 1024 × 1024 matrices at the same time, the best of twelve
// rounds. It is measured by the threads' CPU time, so that other programs on the machine do not make the peak look low.
// Takes about 150 ms in bf16, 300 ms in fp32.
double measure_gemm_peak(Precision precision, int num_threads_total);

// Bytes a second of `num_threads_total` threads that each compute a = b + s · c at the same time, on arrays larger than
// caches. It is the best of several rounds, by CPU time as well.
double measure_memory_bandwidth(int num_threads_total);

std::string processor_name();  // as the kernel tells it; "unknown" otherwise

}  // namespace dsrun
