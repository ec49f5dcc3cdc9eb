// OrphanedSegments: which names of shared memory are removed. A folder of the test's own stands for /dev/shm.
#include "runtime/transport/ucx/orphaned_segments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "tests/runtime/temporary_folder.hpp"

namespace dsrun::test {
namespace {

using testing::UnorderedElementsAre;

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator(folder)) names.insert(each.path().filename());
  return names;
}

TEST(OrphanedSegments, are_new_segments_of_ucx_that_nobody_has_open) {
  const TemporaryFolder folder;
  std::ofstream(folder / "ucx_shm_posix_old") << "before";
  std::filesystem::last_write_time(folder / "ucx_shm_posix_old",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::seconds(1));
  const OrphanedSegments segments(folder.path());
  std::ofstream(folder / "ucx_shm_posix_left") << "by a process that is gone";
  std::ofstream(folder / "somebody_elses") << "memory";
  std::ofstream used(folder / "ucx_shm_posix_used");
  EXPECT_EQ(segments.remove(), 1);
  EXPECT_THAT(names_in(folder.path()),
              UnorderedElementsAre("ucx_shm_posix_old", "somebody_elses", "ucx_shm_posix_used"));
  used.close();
  EXPECT_EQ(segments.remove(), 1);
  EXPECT_EQ(segments.remove(), 0);
}

TEST(OrphanedSegments, are_none_where_there_is_no_shared_memory) {
  EXPECT_EQ(OrphanedSegments("/nowhere").remove(), 0);
}

}  // namespace
}  // namespace dsrun::test
