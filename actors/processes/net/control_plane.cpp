#include "actors/processes/net/control_plane.hpp"

#include <chrono>
#include <cstdio>
#include <future>
#include <sstream>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "actors/messages/doctor.hpp"
#include "actors/messages/job.hpp"
#include "actors/messages/start.hpp"
#include "actors/processes/net/caf_network.hpp"
#include "actors/processes/net/tls_errors.hpp"

namespace dsrun {
namespace {

constexpr std::chrono::seconds time_to_connect{30};

// Each protocol numbers its messages from a place of its own, so that none needs to know the others.
static_assert(caf::id_block::dsrun_job::end <= caf::id_block::dsrun_start::begin &&
              caf::id_block::dsrun_start::end <= caf::id_block::dsrun_doctor::begin);

// A file that no folder holds and that ends with this process: CAF wants names of files, a key wants to be on no disk.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& content) : file_(memfd_create("dsrun", MFD_CLOEXEC)) {
    if (file_ < 0 || write(file_, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      throw ControlError("cannot hold credentials in memory");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return fmt::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
};

}  // namespace

struct ControlPlane::Parts {
  Parts(const Credentials& credentials, int num_threads)
      : authority(credentials.authority),
        certificate(credentials.certificate),
        key(credentials.key),
        system(configure(num_threads)) {}

  caf::actor_system_config& configure(int num_threads) {
    std::istringstream no_file;  // else CAF reads caf-application.ini from the working directory
    config.parse({}, no_file);
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads", num_threads);
    config.set("middleman.workers", 1);
    config.add_message_types<caf::id_block::dsrun_job>();
    config.add_message_types<caf::id_block::dsrun_start>();
    config.add_message_types<caf::id_block::dsrun_doctor>();
    config.load<caf::io::middleman>();
    config.load<caf::openssl::manager>();
    config.openssl_cafile = authority.path();
    config.openssl_certificate = certificate.path();
    config.openssl_key = key.path();
    return config;
  }

  MemoryFile authority, certificate, key;
  caf::actor_system_config config;
  caf::actor_system system;
};

ControlPlane::ControlPlane(const Credentials& credentials, int num_threads)
    : parts_(std::make_unique<Parts>(credentials, num_threads)) {
  if (!tls_errors_are_kept_apart()) throw ControlError("this program was linked without tls_errors.cpp's functions");
}

// CAF's own end waits for actors and connections of other processes. Whoever gives a control plane up is about to end
// its process, which waits for nobody.
ControlPlane::~ControlPlane() { (void)parts_.release(); }

caf::actor_system& ControlPlane::actors() { return parts_->system; }

std::uint16_t ControlPlane::listen(const caf::actor& door, const std::string& address) {
  const auto port = caf::openssl::publish(door, 0, address.c_str());
  if (!port) throw ControlError(fmt::format("cannot listen on {}: {}", address, parts_->system.render(port.error())));
  return *port;
}

caf::actor ControlPlane::connect(const HostPort& where) {
  // CAF waits for ever for one who accepts and then says nothing. What waits there is left to the process's end.
  auto answer = std::make_shared<std::promise<caf::expected<caf::actor>>>();
  std::future<caf::expected<caf::actor>> answered = answer->get_future();
  std::thread([answer, where, parts = parts_.get()] {
    answer->set_value(caf::openssl::remote_actor(parts->system, where.host, where.port));
  }).detach();
  if (answered.wait_for(time_to_connect) != std::future_status::ready)
    throw ControlError(fmt::format("no answer from {} port {} for {} s", where.host, where.port,
                                   std::chrono::seconds(time_to_connect).count()));
  auto door = answered.get();
  if (!door) {
    const std::string reason = parts_->system.render(door.error());
    const bool refused = reason.find("handshake") != std::string::npos;
    throw ControlError(fmt::format("cannot connect to {} port {}: {}", where.host, where.port,
                                   refused ? "the certificates are not of one job" : reason));
  }
  return std::move(*door);
}

void end_process(int exit_code) {
  std::fflush(nullptr);
  _exit(exit_code);
}

}  // namespace dsrun
