// What strangers do to a control plane's port.
#include "actors/processes/control_plane.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/messages.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

caf::behavior silent_actor(caf::event_based_actor*, int) {  // without an argument CAF binds a null reference
  return {[](Tick) {}};
}

TEST(ControlPlane, takes_no_core_for_who_says_nothing) {
  JobAuthority authority("job");
  ControlPlane plane(authority.issue("launcher"));
  const std::uint16_t port = plane.listen(plane.actors().spawn<caf::detached>(silent_actor, 0), "127.0.0.1");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(silent, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  std::this_thread::sleep_for(300ms);
  const double before = cpu_seconds();
  std::this_thread::sleep_for(1s);
  EXPECT_LT(cpu_seconds() - before, 0.3);
  close(silent);
}

}  // namespace
}  // namespace dsrun::test
