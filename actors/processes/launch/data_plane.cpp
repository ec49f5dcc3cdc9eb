#include "actors/processes/launch/data_plane.hpp"

#include <cstring>

#include "dsl/transports.hpp"

namespace dsrun {

UcxOptions ucx_options(const DeviceInvitation& invitation, int rank) {
  UcxOptions options;
  options.rank = rank;
  options.num_ranks = invitation.membership.world();
  options.generation = invitation.membership.generation;
  if (invitation.secret.size() != sizeof options.secret) throw TransportError("a secret of another size");
  std::memcpy(&options.secret, invitation.secret.data(), sizeof options.secret);
  options.interfaces = words_of_list(invitation.interface);
  options.transports = words_of_list(invitation.transports);
  // On one host nothing but shared memory is needed, and nothing has to listen.
  if (options.transports.empty() && options.interfaces == std::vector<std::string>{"lo"}) {
    options.transports = {"posix", "cma", "self"};
    options.without_shm = {"tcp", "self"};
  }
  return options;
}

}  // namespace dsrun
