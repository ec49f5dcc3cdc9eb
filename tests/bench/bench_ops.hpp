// What the benches of kernels share: the best time of a call, and a table with one row a call. A bench checks an op
// against its oracle first and prints no time for a wrong one.
#pragma once

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>

namespace dsrun::bench {

struct Measurement {
  std::string op, dtype, shape;
  double seconds = 0;
  double amount = 0;    // of work in one call, in `unit`
  double roofline = 0;  // amount a second that the machine could do at best
  std::string unit;     // "FLOP" or "B"
};

class Table {
 public:
  Table() { fmt::print("{:<26} {:<5} {:<30} {:>9} {:>13} {:>9}\n", "op", "dtype", "shape", "ms", "rate", "roofline"); }
  void add(const Measurement& row) {
    const double rate = row.amount / row.seconds;
    fmt::print("{:<26} {:<5} {:<30} {:>9.3f} {:>7.1f} G{}/s {:>7.0f} %\n", row.op, row.dtype, row.shape,
               row.seconds * 1e3, rate / 1e9, row.unit, 100 * rate / row.roofline);
    std::fflush(stdout);
  }
  void add_wrong(const std::string& op, const std::string& dtype, const std::string& shape, double error) {
    fmt::print("{:<26} {:<5} {:<30} WRONG: relative error {:.1e}\n", op, dtype, shape, error);
    all_right_ = false;
  }
  bool all_right() const { return all_right_; }

 private:
  bool all_right_ = true;
};

// Seconds that this thread has computed: not those in which another process had its core.
inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The best of what fits into 0.2 s, at least three calls after a warm-up.
template <class Call>
double best_seconds(const Call& call) {
  call();
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int i = 0; i < 3 || spent < 0.2; ++i) {
    const double start = thread_seconds();
    call();
    const double seconds = thread_seconds() - start;
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

}  // namespace dsrun::bench
