// What strangers do to a control plane's port.
#include "actors/processes/net/control_plane.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <ctime>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/messages/wake.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

caf::behavior silent_actor(caf::event_based_actor*, int) {  // without an argument CAF binds a null reference
  return {[](Wake) {}};
}

int connected_to(std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  return connection;
}

// TLS as it should be, but for a certificate of its own: what the other end then says, or sends first.
std::string speak_tls_without_certificate(std::uint16_t port) {
  const int connection = connected_to(port);
  const timeval limit{5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, connection);
  std::array<char, 64> first{};
  ERR_clear_error();
  std::string said = "bytes";
  if (SSL_connect(tls) != 1 || SSL_read(tls, first.data(), first.size()) <= 0) {
    const char* reason = ERR_reason_error_string(ERR_get_error());
    said = reason != nullptr ? reason : "nothing";
  }
  SSL_free(tls);
  SSL_CTX_free(context);
  close(connection);
  return said;
}

TEST(ControlPlane, tells_nothing_to_who_shows_no_certificate) {
  JobAuthority authority("job");
  ControlPlane plane(authority.issue("launcher"));
  const std::uint16_t port = plane.listen(plane.actors().spawn<caf::detached>(silent_actor, 0), "127.0.0.1");
  EXPECT_THAT(speak_tls_without_certificate(port), testing::HasSubstr("certificate required"));
  ControlPlane member(authority.issue("agent"));
  EXPECT_NO_THROW(member.connect({"127.0.0.1", port})) << "one of the job still gets in";
}

TEST(ControlPlane, takes_no_core_for_who_says_nothing) {
  JobAuthority authority("job");
  ControlPlane plane(authority.issue("launcher"));
  const std::uint16_t port = plane.listen(plane.actors().spawn<caf::detached>(silent_actor, 0), "127.0.0.1");
  const int silent = connected_to(port);
  std::this_thread::sleep_for(300ms);
  const double before = cpu_seconds();
  std::this_thread::sleep_for(1s);
  EXPECT_LT(cpu_seconds() - before, 0.3);
  close(silent);
}

}  // namespace
}  // namespace dsrun::test
