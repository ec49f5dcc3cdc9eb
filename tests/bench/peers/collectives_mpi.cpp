// The collectives of tests/bench/transport.cpp with MPI, timed and printed in the same way; transport_against_peers.py
// compiles it with mpicxx. Arguments: from bytes, to bytes, blocks.
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

int main(int count, char** texts) {
  MPI_Init(&count, &texts);
  int rank = 0, num_ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(rank) % std::thread::hardware_concurrency(), &set);
  sched_setaffinity(0, sizeof set, &set);
  const std::size_t from = std::stoul(texts[1]), to = std::stoul(texts[2]);
  const int blocks = std::stoi(texts[3]);
  using Clock = std::chrono::steady_clock;
  for (const auto start = Clock::now(); Clock::now() - start < std::chrono::milliseconds(500);) continue;  // as dsrun's
  for (std::size_t size = from; size <= to; size *= 4) {
    const int n = static_cast<int>(size / 4), part = n / num_ranks;
    std::vector<float> whole(size / 4), other(size / 4), own(size / 4 / static_cast<std::size_t>(num_ranks));
    const std::size_t calls = std::clamp<std::size_t>((std::size_t{1} << 20) / size, 1, 50);
    const int num_blocks = size > (4 << 20) ? blocks / 5 : blocks;
    const auto time = [&](const char* name, auto&& call) {
      std::vector<double> times;
      for (int block = -2; block < num_blocks; ++block) {
        MPI_Barrier(MPI_COMM_WORLD);
        const auto start = Clock::now();
        for (std::size_t i = 0; i < calls; ++i) call();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        if (block >= 0) times.push_back(1e6 * seconds / static_cast<double>(calls));
      }
      std::sort(times.begin(), times.end());
      const auto at = [&](std::size_t tenths) { return times[(times.size() - 1) * tenths / 10]; };
      if (rank == 0) std::printf("%s %zu %.4g %.4g %.4g\n", name, size, at(5), at(1), at(9));
    };
    time("all_reduce", [&] { MPI_Allreduce(MPI_IN_PLACE, whole.data(), n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); });
    time("all_gather",
         [&] { MPI_Allgather(own.data(), part, MPI_FLOAT, whole.data(), part, MPI_FLOAT, MPI_COMM_WORLD); });
    time("reduce_scatter",
         [&] { MPI_Reduce_scatter_block(whole.data(), own.data(), part, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); });
    time("all_to_all",
         [&] { MPI_Alltoall(whole.data(), part, MPI_FLOAT, other.data(), part, MPI_FLOAT, MPI_COMM_WORLD); });
  }
  MPI_Finalize();
}
