// The address by which other hosts reach this one, and its other names.
#pragma once

#include <string>

namespace dsrun {

inline constexpr const char* loopback_address = "127.0.0.1";

// Of the named network interface; with none, the one from which `peer` (a host) is reached. Throws std::runtime_error.
std::string own_address(const std::string& interface, const std::string& peer);

// For UCX, as a list: the interface that has this address and, unless that is the loopback, every InfiniBand port. UCX
// by itself would also take networks that lead nowhere, such as one of containers on this host. Empty: none has it.
std::string devices_beside(const std::string& address);

std::string own_host_name();

// Names this process's CLOCK_MONOTONIC: the kernel's boot and the namespace of time.
std::string own_clock_name();

}  // namespace dsrun
