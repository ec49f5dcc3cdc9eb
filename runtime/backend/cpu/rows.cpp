#include "runtime/backend/cpu/functions.hpp"

#include <vector>

#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

template <class T>
void sum_parts(const std::vector<const T*>& parts, T* out, std::int64_t n) {
  const auto count = static_cast<std::int64_t>(parts.size());
  sum_rows(
      CpuTeam{}, count, [rows = parts.data()](std::int64_t r) { return rows[r]; }, out, n);
}

}  // namespace

void pack_rows(const TensorView& x, const SendPlan& plan, const TensorView& message) {
  dispatch_dtype(x.dtype, [&]<class T>(T) {
    for (std::size_t i = 0; i < plan.tokens.size(); ++i)
      copy_row<T>(CpuTeam{}, x.row<T>(plan.tokens[i]), message.row<T>(static_cast<std::int64_t>(i)), x.cols);
  });
}

void expand_rows(const TensorView& message, const ReceivePlan& plan, const TensorView& rows) {
  dispatch_dtype(rows.dtype, [&]<class T>(T) {
    for (std::size_t j = 0; j < plan.pair_row.size(); ++j)
      copy_row<T>(CpuTeam{}, message.row<T>(plan.pair_row[j]), rows.row<T>(plan.pair_dest[j]), rows.cols);
  });
}

void reduce_rows(const TensorView& rows, const ReceivePlan& plan, const TensorView& message) {
  dispatch_dtype(rows.dtype, [&]<class T>(T) {
    std::vector<const T*> parts;
    std::size_t j = 0;
    for (std::int32_t i = 0; i < plan.num_rows; ++i) {
      parts.clear();
      for (; j < plan.pair_row.size() && plan.pair_row[j] == i; ++j) parts.push_back(rows.row<T>(plan.pair_dest[j]));
      sum_parts<T>(parts, message.row<T>(i), rows.cols);
    }
  });
}

void sum_messages(std::span<const TensorView> by_destination, std::span<const SendPlan> sends, const TensorView& z,
                  const TensorView& addend) {
  dispatch_dtype(z.dtype, [&]<class T>(T) {
    std::vector<const T*> parts;
    std::vector<std::size_t> next(by_destination.size(), 0);
    for (std::int64_t t = 0; t < z.rows; ++t) {
      parts.clear();
      for (std::size_t d = 0; d < by_destination.size(); ++d) {
        const auto& tokens = sends[d].tokens;
        if (next[d] < tokens.size() && tokens[next[d]] == t)
          parts.push_back(by_destination[d].row<T>(static_cast<std::int64_t>(next[d]++)));
      }
      if (addend) parts.push_back(addend.row<T>(t));
      sum_parts<T>(parts, z.row<T>(t), z.cols);
    }
  });
}

void pack_gates(const TensorView& gates, const SendPlan& plan, const TensorView& pairs) {
  dispatch_dtype(gates.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_row.size(); ++j)
      pairs.as<A>()[j] = gates.row<A>(plan.tokens[index(plan.pair_row[j])])[plan.pair_slot[j]];
  });
}

void expand_gates(const TensorView& pairs, const ReceivePlan& plan, const TensorView& row_gates) {
  dispatch_dtype(pairs.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_dest.size(); ++j) row_gates.as<A>()[plan.pair_dest[j]] = pairs.as<A>()[j];
  });
}

void collect_gates(const TensorView& row_gates, const ReceivePlan& plan, const TensorView& pairs) {
  dispatch_dtype(pairs.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_dest.size(); ++j) pairs.as<A>()[j] = row_gates.as<A>()[plan.pair_dest[j]];
  });
}

void scatter_gates(const TensorView& pairs, const SendPlan& plan, const TensorView& gates) {
  dispatch_dtype(gates.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_row.size(); ++j)
      gates.row<A>(plan.tokens[index(plan.pair_row[j])])[plan.pair_slot[j]] = pairs.as<A>()[j];
  });
}

void pick_gates(const TensorView& gates, const SendPlan& plan, const TensorView& pairs) {
  dispatch_dtype(gates.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_slot.size(); ++j) pairs.as<A>()[j] = gates.as<A>()[plan.pair_slot[j]];
  });
}

void place_gates(const TensorView& pairs, const SendPlan& plan, const TensorView& gates) {
  dispatch_dtype(gates.dtype, [&]<class A>(A) {
    for (std::size_t j = 0; j < plan.pair_slot.size(); ++j) gates.as<A>()[plan.pair_slot[j]] = pairs.as<A>()[j];
  });
}

}  // namespace dsrun
