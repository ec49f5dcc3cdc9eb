// Hosts: several machines in a network, made of namespaces of this one.
//
//   switch: a bridge ── port1 ── eth0 10.73.0.1  host 0, "head"
//                    ├─ port2 ── eth0 10.73.0.2  host 1, "alpha"     each also with eth1, 10.74.0.1, which leads
//                    nowhere └─ port3 ── eth0 10.73.0.3  host 2, "beta"
//
// A host has its own network, name, /etc/hosts, IPC, /dev/shm and processes; files are shared. Nothing has a name
// outside: the kernel takes a host away, with all its processes and links, when its first process ends, and that ends
// with the test, however it ends. Partitions are made in the switch: packets vanish, and nobody is told.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {

// This machine does not let us make hosts; says why.
struct NoHosts : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A socket that takes connections, or datagrams, from wherever its address can be reached.
struct Listener {
  std::string address;
  std::uint16_t port = 0;
  auto operator<=>(const Listener&) const = default;
};

class Hosts {
 public:
  // `rate`: what each host may send, in tc's words ("200mbit"); "": no limit. Throws NoHosts.
  explicit Hosts(int num_hosts, const std::string& rate = "");
  ~Hosts();
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  static std::string name(int host);
  static std::string address(int host);

  void shrink_shared_memory(int host, const std::string& size) const;  // to "8m", say
  // A dsrun there. What Program calls its process only waits for it; processes() has dsrun's own.
  std::unique_ptr<Program> start(int host, std::vector<std::string> arguments,
                                 const std::filesystem::path& folder) const;
  // Runs `work` in a process of its own in the network and the IPC of the host; its value, from 0 to 254, or −1 where
  // it took longer than `limit`.
  int run(int host, const std::function<int()>& work, std::chrono::seconds limit = std::chrono::seconds(10)) const;

  // Every process of the host, by the word after dsrun where one is given ("agent", "device"); in order of their start.
  std::vector<int> processes(int host, const std::string& verb = "") const;
  std::vector<Listener> listeners(int host) const;  // TCP and UDP, IPv4 and IPv6
  int num_shared_memories(int host) const;          // POSIX's and System V's

  void cut(int a, int b);  // each still reaches the others
  void cut_off(int host);  // from all others

 private:
  struct Host {
    pid_t first = 0;  // its first process
    int lifeline = -1;
  };
  static Host make_host(const std::string& name, int num_hosts);
  void connect(int host, const std::string& rate) const;
  void end();

  std::vector<Host> hosts_;
  Host switch_;
};

}  // namespace dsrun::test
