#include "runtime/machine/control_group.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/runtime/temporary_folder.hpp"

namespace dsrun::test {
namespace {

class ControlGroup : public ::testing::Test {
 protected:
  // A group's folder with one file in it.
  std::string group(const std::string& name, const std::string& file, const std::string& text) {
    const auto path = std::filesystem::path(folder_.path()) / name;
    std::filesystem::create_directories(path);
    std::ofstream(path / file) << text;
    return path.string();
  }
  TemporaryFolder folder_;
};

TEST_F(ControlGroup, grants_what_the_narrowest_of_its_folders_does) {
  const std::string none = group("none", "cpu.max", "max 100000\n"), two = group("two", "cpu.max", "200000 100000\n"),
                    half = group("half", "cpu.max", "25000 50000\n");
  EXPECT_EQ(cores_granted_by({none}), -1);
  EXPECT_EQ(cores_granted_by({none, two}), 2);
  EXPECT_EQ(cores_granted_by({two, half, none}), 0.5);
  EXPECT_EQ(cores_granted_by({folder_.path() + "/missing"}), -1);
}

TEST_F(ControlGroup, of_version_1_has_its_quota_in_two_files) {
  const std::string three = group("three", "cpu.cfs_quota_us", "300000");
  group("three", "cpu.cfs_period_us", "100000");
  const std::string none = group("none", "cpu.cfs_quota_us", "-1");
  group("none", "cpu.cfs_period_us", "100000");
  EXPECT_EQ(cores_granted_by({three, none}), 3);
  EXPECT_EQ(cores_granted_by({none}), -1);
}

TEST_F(ControlGroup, limits_memory_by_the_lowest_that_is_one) {
  const std::string little = group("little", "memory.max", "4096"), none = group("none", "memory.max", "max"),
                    old = group("old", "memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(lowest_limit({none, old, little}, {"memory.max", "memory.limit_in_bytes"}, std::int64_t{1} << 60), 4096);
  EXPECT_EQ(lowest_limit({none, old}, {"memory.max", "memory.limit_in_bytes"}, std::int64_t{1} << 60), -1);
}

}  // namespace
}  // namespace dsrun::test
