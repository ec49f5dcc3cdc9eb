#include "runtime/device/inbox/message_error.hpp"

#include <fmt/format.h>

#include "models/op.hpp"
#include "runtime/check.hpp"

namespace dsrun {
namespace {

// Which op and layer a message belongs to; empty where its tag names none of the plan's.
std::string layer_words(const Plan& plan, const Tag& tag) {
  if (tag.traffic == Traffic::reduce || tag.traffic == Traffic::all_gather) {
    if (tag.stage < 0 || tag.stage >= std::ssize(plan.layout.buckets)) return "";
    return fmt::format(" (stage {})", at(plan.layout.buckets, tag.stage).stage);
  }
  if (tag.stage < 0 || tag.stage >= std::ssize(plan.stages)) return "";
  const StageRange& range = at(plan.ranges, tag.stage);
  if (tag.traffic == Traffic::activation) return fmt::format(" (before layer {})", range.first_layer);
  if (tag.traffic == Traffic::gradient) return fmt::format(" (after layer {})", range.last_layer - 1);
  const std::vector<OpNode>& nodes = at(plan.stages, tag.stage).graph.nodes;
  if (tag.node < 0 || tag.node >= std::ssize(nodes)) return "";
  const OpNode& node = at(nodes, tag.node);
  return fmt::format(" ({}, layer {})", op_name(node.op), node.layer);
}

std::string length_fault(ByteRange expected, std::int64_t received_bytes) {
  if (expected.least == expected.most)
    return fmt::format("{} bytes came, and the plan says {}", received_bytes, expected.least);
  return fmt::format("{} bytes came, and the plan says {} to {}", received_bytes, expected.least, expected.most);
}

}  // namespace

MessageError::MessageError(const Plan& plan, const Tag& tag, const std::string& fault)
    : std::runtime_error(fmt::format("refused {}{}: {}", to_string(tag), layer_words(plan, tag), fault)), tag_(tag) {}

MessageError::MessageError(const Plan& plan, const Tag& tag, ByteRange expected, std::int64_t received_bytes)
    : MessageError(plan, tag, length_fault(expected, received_bytes)) {
  expected_ = expected;
  received_bytes_ = received_bytes;
}

}  // namespace dsrun
