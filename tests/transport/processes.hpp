// Real processes for tests of the transport: forked before anything of UCX runs, with pipes to each other.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun::test {

using namespace std::chrono_literals;
using TestClock = std::chrono::steady_clock;

// What a forked process sees of the others. Any failure in it (an exception, a false check) ends it with a non-zero
// status.
class Party {
 public:
  int rank() const { return rank_; }
  int num_ranks() const { return num_ranks_; }
  // Everybody's texts by rank; each has to call it equally often. Throws after ten seconds. `served` goes on meanwhile:
  // whoever stops may keep another's last message from leaving or arriving.
  std::vector<std::string> exchange(const std::string& own, UcxWorker* served = nullptr) const;
  // Throws `what` where a check fails.
  static void expect(bool holds, const std::string& what);
  // Progresses until `done`; throws `what` after `limit`.
  static void progress_until(UcxWorker& worker, const std::function<bool()>& done, const std::string& what,
                             std::chrono::milliseconds limit = 20s);

 private:
  friend class Parties;
  int rank_ = 0;
  int num_ranks_ = 0;
  std::vector<int> in_, out_;  // pipes, by rank
};

// Forks one process a rank; each runs `body`.
class Parties {
 public:
  Parties(int num_ranks, const std::function<void(Party&)>& body);
  ~Parties();  // kills what is left
  pid_t pid(int rank) const { return pids_[static_cast<std::size_t>(rank)]; }
  // "" where all have ended well in time, else who has not and how. `killed` may have died of SIGKILL.
  std::string wait(std::chrono::milliseconds limit = 40s, int killed = -1);

 private:
  std::vector<pid_t> pids_;
};

JobSecret test_secret(unsigned char first = 1);
UcxOptions test_options(const Party& party, std::vector<std::string> transports = {});
// A buffer whose bytes follow from `seed`, from a pool of its own where none is given, and whether a buffer is that.
Buffer patterned(std::size_t num_bytes, unsigned seed, const std::shared_ptr<MemoryPool>& pool = {});
bool is_patterned(const Buffer& buffer, std::size_t num_bytes, unsigned seed);

}  // namespace dsrun::test
