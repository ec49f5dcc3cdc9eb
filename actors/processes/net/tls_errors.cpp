// Keeps what happens on one TLS connection from ending the others of the process.
//
// OpenSSL queues errors by thread, and a caller has to empty the queue before each call, or it takes an old error for
// the new call's. CAF 0.17 serves all connections in one thread and does not: a peer that dies without a goodbye, or a
// stranger without a certificate, would take every other connection with it at the next moment without data. CAF calls
// these definitions, which clear the queue and call OpenSSL's.
//
// Nor does CAF wait for whom it has let in but who says nothing: it has something to send, is told that it may, finds
// that the handshake wants to read first, and asks again, for ever, on a whole core. SSL_accept gives it pauses, and an
// end.
#include "actors/processes/net/tls_errors.hpp"

#include <chrono>
#include <cstdlib>

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto time_without_pauses = std::chrono::milliseconds(100);  // a handshake takes some
constexpr auto time_to_shake_hands = std::chrono::seconds(20);        // on the most crowded host
constexpr int pause_ms = 1;                                           // other connections wait as long

template <class Function>
Function* in_openssl(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();  // libssl is linked
  return reinterpret_cast<Function*>(found);
}

// Since the connection was first asked for its handshake.
SteadyClock::duration time_of_handshake(SSL* connection) {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  const auto now = SteadyClock::now().time_since_epoch();
  if (SSL_get_ex_data(connection, index) == nullptr)
    SSL_set_ex_data(connection, index, reinterpret_cast<void*>(now.count()));
  return now - SteadyClock::duration(reinterpret_cast<SteadyClock::rep>(SSL_get_ex_data(connection, index)));
}

}  // namespace

extern "C" {

int SSL_read(SSL* connection, void* data, int size) {
  static auto* const original = in_openssl<int(SSL*, void*, int)>("SSL_read");
  ERR_clear_error();
  return original(connection, data, size);
}

int SSL_write(SSL* connection, const void* data, int size) {
  static auto* const original = in_openssl<int(SSL*, const void*, int)>("SSL_write");
  ERR_clear_error();
  return original(connection, data, size);
}

int SSL_accept(SSL* connection) {
  static auto* const original = in_openssl<int(SSL*)>("SSL_accept");
  ERR_clear_error();
  const int result = original(connection);
  if (SSL_get_error(connection, result) != SSL_ERROR_WANT_READ) return result;
  const auto waited = time_of_handshake(connection);
  if (waited < time_without_pauses) return result;
  pollfd socket{SSL_get_fd(connection), POLLIN, 0};
  if (waited < time_to_shake_hands) {
    poll(&socket, 1, pause_ms);
    return result;
  }
  shutdown(socket.fd, SHUT_RDWR);
  return original(connection);
}

int SSL_connect(SSL* connection) {
  static auto* const original = in_openssl<int(SSL*)>("SSL_connect");
  ERR_clear_error();
  return original(connection);
}

}  // extern "C"

namespace dsrun {

bool tls_errors_are_kept_apart() { return dlsym(RTLD_DEFAULT, "SSL_read") == reinterpret_cast<void*>(&SSL_read); }

}  // namespace dsrun
