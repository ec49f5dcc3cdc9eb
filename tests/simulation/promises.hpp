// A job through several starts in a world that fails: what is promised, as checks.
//
//   ends      the job, and every process of it, within a time that the fault allows; nothing hangs
//   guilty    the report names a rank or host that something happened to, and no other
//   whole     the newest committed checkpoint is offered, and what goes on from it is bit for bit what would have been
//   same      losses are those of a cluster that does not fail; with nothing but delays and short freezes all are there
//   fenced    what comes from an earlier generation counts for nothing
#pragma once

#include <cstdint>
#include <string>

#include "tests/simulation/disk/checkpoints.hpp"
#include "tests/simulation/sim_job.hpp"

namespace dsrun::test {

struct Verdict {
  std::string broken;       // "": all promises were kept; else which was not, and the story
  std::uint64_t trace = 0;  // of all that happened, in order
  int starts = 0;
};

// The same seed does the same.
Verdict check_job(std::uint64_t seed, JobMistake mistake = JobMistake::none,
                  CheckpointMistake disk_mistake = CheckpointMistake::none);

}  // namespace dsrun::test
