// A run's checkpoints through several lives of their job, on a disk that fails: what R-1 promises, as a check.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/simulation/disk/disk.hpp"

namespace dsrun::test {

// A way in which the program could be wrong, for tests of this simulation itself.
enum class CheckpointMistake : std::uint8_t {
  none,
  leaves_folders_unsynced,  // the names of shards and manifest are lost with the power
  leaves_files_unsynced,    // their content is
  writes_under_a_manifest,  // of an earlier life, which it does not withdraw
  removes_unread,           // checkpoints that cannot be read just now, as if they were torn
};

// "": every promise was kept; else the one that was broken, in words. The same seed does the same.
std::string check_checkpoints(std::uint64_t seed, CheckpointMistake mistake = CheckpointMistake::none);

// A disk as a program with that mistake uses it.
std::unique_ptr<FileSystem> mistaken(FileSystem& disk, CheckpointMistake mistake);

}  // namespace dsrun::test
