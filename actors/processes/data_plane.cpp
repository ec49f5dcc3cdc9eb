#include "actors/processes/data_plane.hpp"

#include <cstring>
#include <sstream>

namespace dsrun {
namespace {

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

}  // namespace

UcxOptions ucx_options(const DeviceInvitation& invitation, int rank) {
  UcxOptions options;
  options.rank = rank;
  options.generation = invitation.generation;
  if (invitation.secret.size() != sizeof options.secret) throw TransportError("a secret of another size");
  std::memcpy(&options.secret, invitation.secret.data(), sizeof options.secret);
  options.interfaces = words_of(invitation.interface);
  options.transports = words_of(invitation.transports);
  return options;
}

}  // namespace dsrun
