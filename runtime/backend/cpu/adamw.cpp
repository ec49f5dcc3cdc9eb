#include "runtime/backend/cpu/functions.hpp"

#include <type_traits>

#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/adamw.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/check.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {

void adamw_update(const AdamwStep& step, const TensorView& master, const TensorView& gradient,
                  const TensorView& moment1, const TensorView& moment2, const TensorView& weights) {
  dispatch_dtype(weights.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    dispatch_dtype(moment1.dtype, [&]<class M>(M) {
      if constexpr (std::is_same_v<M, A> || std::is_same_v<M, Bf16>)
        adamw_row(CpuTeam{}, adamw_coefficients<A>(step), master.as<A>(), gradient.as<A>(), moment1.as<M>(),
                  moment2.as<M>(), weights.as<T>(), master.cols);
      else
        require(false, "moments are stored as the master is, or in bf16");
    });
  });
}

void average_weights(double decay, const TensorView& values, const TensorView& average) {
  dispatch_dtype(average.dtype, [&]<class A>(A) {
    if constexpr (std::is_same_v<A, Compute<A>>)
      average_row(CpuTeam{}, static_cast<A>(1 - decay), values.as<A>(), average.as<A>(), average.cols);
    else
      require(false, "averages are as wide as masters");
  });
}

double sum_squares(const TensorView& row) {
  double sum = 0;
  dispatch_dtype(row.dtype, [&]<class T>(T) {
    const T* values = row.as<T>();
    sum = CpuTeam{}.sum(row.cols, [=](std::int64_t i) {
      const auto value = static_cast<double>(values[i]);
      return value * value;
    });
  });
  return sum;
}

void sum_slices(std::span<const TensorView> slices, const TensorView& out) {
  dispatch_dtype(out.dtype, [&]<class T>(T) {
    const auto slice = [views = slices.data()](std::int64_t k) -> const T* { return views[k].template as<T>(); };
    sum_rows(CpuTeam{}, static_cast<std::int64_t>(slices.size()), slice, out.as<T>(), out.cols);
  });
}

}  // namespace dsrun
