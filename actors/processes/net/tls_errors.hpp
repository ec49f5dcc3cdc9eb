#pragma once

namespace dsrun {

// Whether CAF calls OpenSSL by way of tls_errors.cpp, as it does in a program that is linked with it.
bool tls_errors_are_kept_apart();

}  // namespace dsrun
