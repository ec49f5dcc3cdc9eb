#include "runtime/machine/peak.hpp"

#include <gtest/gtest.h>

#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"

namespace dsrun {
namespace {

TEST(Peak, is_a_rate_that_a_processor_can_have) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    if (precision == Precision::bf16 && !backend_for(cpu_kind).computes_in(Precision::bf16)) continue;
    const double peak = measure_gemm_peak(precision, 2);
    EXPECT_GT(peak, 1e8);
    EXPECT_LT(peak, 1e14);
  }
}

}  // namespace
}  // namespace dsrun
