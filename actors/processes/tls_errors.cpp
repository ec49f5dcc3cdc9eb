// Keeps what happens on one TLS connection from ending the others of the process.
//
// OpenSSL queues errors by thread, and a caller has to empty the queue before each call, or it takes an old error for
// the new call's. CAF 0.17 serves all connections in one thread and does not: a peer that dies without a goodbye, or a
// stranger without a certificate, would take every other connection with it at the next moment without data. CAF calls
// these definitions, which clear the queue and call OpenSSL's.
#include "actors/processes/tls_errors.hpp"

#include <cstdlib>

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace {

template <class Function>
Function* in_openssl(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();  // libssl is linked
  return reinterpret_cast<Function*>(found);
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
