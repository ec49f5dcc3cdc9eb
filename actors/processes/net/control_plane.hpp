// ControlPlane: the actors of one process and their TLS connections to those of others. Both ends of every connection
// show a certificate of the job's authority; without one there is no connection.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "actors/caf.hpp"
#include "actors/processes/net/job_authority.hpp"

namespace dsrun {

class ControlError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct HostPort {
  std::string host;  // an address, or a name
  std::uint16_t port = 0;
};

class ControlPlane {
 public:
  explicit ControlPlane(const Credentials& credentials, int num_threads = 1);
  ~ControlPlane();  // connections and threads run on until the process ends
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  caf::actor_system& actors();
  // Lets others reach `door` at a port of this address; returns the port. Throws ControlError.
  std::uint16_t listen(const caf::actor& door, const std::string& address);
  // Returns the door at the other end. Throws ControlError, also if nobody answers for half a minute.
  caf::actor connect(const HostPort& where);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Ends a process that has a control plane, without destructors, because CAF's threads would still run during them.
[[noreturn]] void end_process(int exit_code);

}  // namespace dsrun
