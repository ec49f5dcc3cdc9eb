// Dtypes of a job's values under its precision.
#pragma once

#include "dsl/specs/precision.hpp"
#include "models/graph.hpp"
#include "runtime/memory/tensor.hpp"

namespace dsrun {

inline Dtype compute_dtype(Precision precision) {
  return precision == Precision::fp64 ? Dtype::f64 : precision == Precision::fp32 ? Dtype::f32 : Dtype::bf16;
}
inline Dtype wide_dtype(Precision precision) { return precision == Precision::fp64 ? Dtype::f64 : Dtype::f32; }
inline Dtype dtype_of_element(Element element, Precision precision) {
  switch (element) {
    case Element::compute:
      return compute_dtype(precision);
    case Element::wide:
      return wide_dtype(precision);
    case Element::index:
      return Dtype::i32;
  }
  return Dtype::f32;
}

}  // namespace dsrun
