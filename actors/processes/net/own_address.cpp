#include "actors/processes/net/own_address.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {
namespace {

std::string text_of(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = "";
  if (getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text;
}

using Interfaces = std::unique_ptr<ifaddrs, decltype(&freeifaddrs)>;

Interfaces all_interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) throw std::runtime_error("cannot list the network interfaces");
  return {list, freeifaddrs};
}

std::string address_of(const std::string& interface) {
  const Interfaces interfaces = all_interfaces();
  std::string names;
  for (const ifaddrs* each = interfaces.get(); each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if (interface == each->ifa_name) return text_of(each->ifa_addr, sizeof(sockaddr_in));
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", each->ifa_name);
  }
  throw std::runtime_error(fmt::format("host {} has no network interface \"{}\" with an IPv4 address; it has {}",
                                       own_host_name(), interface, names.empty() ? "none" : names));
}

// Nothing is sent: the kernel only says which way it would take.
std::string address_towards(const std::string& peer) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  if (const int error = getaddrinfo(peer.c_str(), "9", &hints, &found); error != 0)
    throw std::runtime_error(fmt::format("host {}: {}", peer, gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const int asked = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool known = asked >= 0 && connect(asked, found->ai_addr, found->ai_addrlen) == 0 &&
                     getsockname(asked, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  const int error = errno;
  if (asked >= 0) close(asked);
  if (!known) throw std::runtime_error(fmt::format("host {} cannot be reached: {}", peer, std::strerror(error)));
  return text_of(reinterpret_cast<const sockaddr*>(&own), size);
}

}  // namespace

std::string own_address(const std::string& interface, const std::string& peer) {
  return interface.empty() ? address_towards(peer) : address_of(interface);
}

std::string devices_beside(const std::string& address) {
  std::string devices;
  const Interfaces interfaces = all_interfaces();
  for (const ifaddrs* each = interfaces.get(); each != nullptr && devices.empty(); each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const std::string name = each->ifa_name;  // of a second address: "eth0:1"
    if (text_of(each->ifa_addr, sizeof(sockaddr_in)) == address) devices = name.substr(0, name.find(':'));
  }
  if (devices.empty() || address == loopback_address) return devices;
  std::error_code none;
  for (const auto& device : std::filesystem::directory_iterator("/sys/class/infiniband", none))
    for (const auto& port : std::filesystem::directory_iterator(device.path() / "ports", none))
      devices += fmt::format(",{}:{}", device.path().filename().string(), port.path().filename().string());
  return devices;
}

std::string own_host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string own_clock_name() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat time {};
  if (stat("/proc/self/ns/time", &time) != 0) time.st_ino = 0;
  return boot + '/' + std::to_string(time.st_ino);
}

}  // namespace dsrun
