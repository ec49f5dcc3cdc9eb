#include "actors/core/fault.hpp"

#include <fmt/format.h>

namespace dsrun {
namespace {

std::string on_host(const Placement& placement, int rank) {
  return placement.num_nodes() > 1 ? " on host " + placement.host(placement.node_of(rank)) : "";
}

std::string rank_words(const Placement* placement, int rank) {
  return placement != nullptr ? dsrun::rank_words(*placement, rank) : fmt::format("rank {}", rank);
}

// Who could not go on, and at what.
std::string place_of(const DeviceFault& fault) {
  switch (fault.cause) {
    case FaultCause::error:
    case FaultCause::storage:
    case FaultCause::wait:
    case FaultCause::link_broken:
      return fault.op;
    case FaultCause::process_ended:
    case FaultCause::process_silent:
      return "its process on host " + fault.host;
    case FaultCause::agent_ended:
    case FaultCause::agent_silent:
      return fault.num_ranks == 1
                 ? "host " + fault.host
                 : fmt::format("host {} (ranks {} to {})", fault.host, fault.rank, fault.rank + fault.num_ranks - 1);
    case FaultCause::agent_unreachable:
      return fmt::format("the agent of host {} ended", fault.host);
    case FaultCause::actor_ended:
      return "its actor ended";
    case FaultCause::actor_silent:
      return "its actor";
  }
  return fault.op;
}

bool is_felt_only(FaultCause cause) { return cause == FaultCause::wait || cause == FaultCause::link_broken; }

}  // namespace

Lost lost_by(FaultCause cause) {
  switch (cause) {
    case FaultCause::wait:
    case FaultCause::link_broken:
      return Lost::step;
    case FaultCause::storage:
      return Lost::job;
    case FaultCause::agent_ended:
    case FaultCause::agent_silent:
    case FaultCause::agent_unreachable:
      return Lost::host;
    default:
      return Lost::rank;
  }
}

bool needs_explanation(FaultCause cause) {
  switch (cause) {
    case FaultCause::error:
    case FaultCause::storage:
    case FaultCause::actor_ended:
    case FaultCause::actor_silent:
      return false;
    default:
      return true;
  }
}

bool explains_more(const DeviceFault& fault, const DeviceFault& than) {
  const auto weight = [](FaultCause cause) {
    return is_felt_only(cause) ? 0 : cause == FaultCause::agent_unreachable ? 1 : 2;
  };
  return weight(fault.cause) > weight(than.cause);
}

std::string rank_words(const Placement& placement, int rank) {
  return fmt::format("rank {}{}", rank, on_host(placement, rank));
}

std::string wait_words(const Placement& placement, const Tag& tag) {
  return to_string(tag) + on_host(placement, tag.source);
}

std::string what_happened(const DeviceFault& fault, const Placement* placement) {
  switch (fault.cause) {
    case FaultCause::wait: {
      const std::string what = fault.waits.empty()    ? "a message"
                               : placement != nullptr ? wait_words(*placement, fault.waits[0])
                                                      : to_string(fault.waits[0]);
      return fmt::format("waited {:.3g} s for {}", fault.secs, what);
    }
    case FaultCause::link_broken:
      return fmt::format("the link to {} broke: {}", rank_words(placement, fault.peer), fault.detail);
    case FaultCause::process_silent:
      return fmt::format("silent for {:.3g} s: frozen, or its host is", fault.secs);
    case FaultCause::agent_silent:
      return fmt::format("silent for {:.3g} s: frozen, or cut off", fault.secs);
    case FaultCause::agent_ended:
      return "its agent ended: " + fault.detail;
    case FaultCause::actor_silent:
      return fmt::format("has answered nothing for {:.3g} s", fault.secs);
    default:
      return fault.detail;
  }
}

std::string in_words(const DeviceFault& fault, const Placement* placement) {
  const std::string who =
      is_felt_only(fault.cause) ? rank_words(placement, fault.rank) : fmt::format("rank {}", fault.rank);
  return fmt::format("{}: {}: {}", who, place_of(fault), what_happened(fault, placement));
}

}  // namespace dsrun
