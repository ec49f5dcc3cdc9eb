// From a dtype known at run time to a type: visit(T{}) with T among double, float and Bf16.
#pragma once

#include <cassert>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

template <class Visit>
void dispatch_dtype(Dtype dtype, const Visit& visit) {
  switch (dtype) {
    case Dtype::f64:
      return visit(double{});
    case Dtype::f32:
      return visit(float{});
    case Dtype::bf16:
      return visit(Bf16{});
    case Dtype::i32:
      assert(!"indices have no arithmetic");
  }
}

}  // namespace dsrun
