#include "actors/processes/launch/children.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

struct Told {
  std::mutex mutex;
  std::map<pid_t, std::string> how;
  Children::Ended listener() {
    return [this](pid_t child, const std::string& words) {
      const std::lock_guard lock(mutex);
      how[child] = words;
    };
  }
  std::string of(pid_t child) {
    const std::lock_guard lock(mutex);
    return how[child];
  }
};

ChildCommand shell(const std::string& script, const std::string& input = "") {
  return {{"sh", "-c", script}, {"GREETING=hello"}, input};
}

// A zombie, which whoever inherited it may leave for a while, is not alive.
int num_alive_of_group(pid_t group) {
  int alive = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string line;
    std::ifstream stat(entry.path() / "stat");
    if (!std::getline(stat, line)) continue;
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    char state = 'Z';
    int parent = 0, its_group = 0;
    fields >> state >> parent >> its_group;
    if (its_group == group && state != 'Z') ++alive;
  }
  return alive;
}

TEST(Children, tell_how_each_ended) {
  Told told;
  pid_t exits = 0, dies = 0;
  {
    Children children(told.listener());
    exits = children.start(shell("exit 3"));
    dies = children.start(shell("kill -TERM $$"));
    EXPECT_TRUE(children.wait_for_all(10s));
  }
  EXPECT_EQ(told.of(exits), "exit code 3");
  EXPECT_THAT(told.of(dies), StartsWith("killed by signal 15"));
}

TEST(Children, have_input_and_environment_and_see_their_parents_end_on_stdin) {
  Told told;
  pid_t child = 0;
  {
    Children children(told.listener());
    child = children.start(
        shell("read line; test \"$line $GREETING\" = 'word hello' || exit 1; read more; exit 4", "word\n"));
    EXPECT_FALSE(children.wait_for_all(200ms));  // stdin stays open
    children.kill(child);
    EXPECT_TRUE(children.wait_for_all(10s));
  }
  EXPECT_THAT(told.of(child), StartsWith("killed by signal 9"));
}

TEST(Children, are_killed_with_their_groups_when_nobody_wants_them_any_more) {
  Told told;
  pid_t child = 0;
  {
    Children children(told.listener());
    child = children.start(shell("sleep 1000 & sleep 1000"));
  }
  EXPECT_THAT(told.of(child), StartsWith("killed by signal 9"));
  for (int i = 0; i < 1000 && num_alive_of_group(child) > 0; ++i)  // a killed grandchild takes a moment to end
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(num_alive_of_group(child), 0);
}

TEST(Children, a_program_that_is_not_there_is_an_error_that_names_it) {
  Told told;
  Children children(told.listener());
  EXPECT_THAT(
      [&] {
        children.start({{"no-such-program"}, {}, ""});
      },
      testing::ThrowsMessage<std::system_error>(StartsWith("cannot start no-such-program")));
  EXPECT_TRUE(children.wait_for_all(0ms));
}

}  // namespace
}  // namespace dsrun::test
