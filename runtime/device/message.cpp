#include "runtime/device/message.hpp"

#include <fmt/format.h>

namespace dsrun {

std::string to_string(const Tag& tag) {
  const std::string port = tag.port > 0 ? fmt::format("port {} ", tag.port) : "";
  const std::string from = fmt::format("{}from rank {}", port, tag.source);
  switch (tag.traffic) {
    case Traffic::activation:
      return fmt::format("activations of microbatch {} (direction {}) for stage {} {}", tag.microbatch, tag.direction,
                         tag.stage, from);
    case Traffic::gradient:
      return fmt::format("gradients of microbatch {} (direction {}) for stage {} {}", tag.microbatch, tag.direction,
                         tag.stage, from);
    case Traffic::exchange:
      return fmt::format("expert {} of microbatch {} (direction {}), stage {} op {}{} {}",
                         tag.pass == Pass::forward     ? "rows"
                         : tag.pass == Pass::recompute ? "rows, again,"
                                                       : "gradients",
                         tag.microbatch, tag.direction, tag.stage, tag.node,
                         tag.hop == Hop::first    ? ", to be passed on,"
                         : tag.hop == Hop::second ? ", passed on,"
                                                  : "",
                         from);
    case Traffic::reduce:
      return fmt::format("gradient shard of bucket {} {}", tag.stage, from);
    case Traffic::all_gather:
      return fmt::format("weight shard of bucket {} {}", tag.stage, from);
  }
  return fmt::format("unknown traffic {} {}", static_cast<int>(tag.traffic), from);
}

}  // namespace dsrun
