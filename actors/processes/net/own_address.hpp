// The address by which other hosts reach this one, and its other names.
#pragma once

#include <string>

namespace dsrun {

inline constexpr const char* loopback_address = "127.0.0.1";

// The address of the named network interface; if none is named, the address from which `peer` (a host) is reached.
// Throws std::runtime_error.
std::string own_address(const std::string& interface, const std::string& peer);

// A list of devices for UCX: the interface that has this address and, unless that is the loopback, every InfiniBand
// port. By itself UCX would also use networks that reach no other host, such as one of containers. Empty: no interface
// has this address.
std::string devices_beside(const std::string& address);

std::string own_host_name();

// A name for this process's CLOCK_MONOTONIC, made of the kernel's boot and the time namespace.
std::string own_clock_name();

}  // namespace dsrun
