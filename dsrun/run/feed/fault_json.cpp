#include "dsrun/run/feed/fault_json.hpp"

#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace dsrun {
namespace {

constexpr std::array<std::string_view, 4> lost_names = {"step", "rank", "host", "job"};
static_assert(lost_names.size() == static_cast<std::size_t>(Lost::job) + 1);

constexpr std::array<std::string_view, 11> cause_names = {
    "error",        "storage",           "wait",        "link_broken", "process_ended", "process_silent", "agent_ended",
    "agent_silent", "agent_unreachable", "actor_ended", "actor_silent"};
static_assert(cause_names.size() == static_cast<std::size_t>(FaultCause::actor_silent) + 1);

}  // namespace

nlohmann::json to_json(const DeviceFault& fault) {
  nlohmann::json out = {{"lost", lost_names[static_cast<std::size_t>(fault.lost())]},
                        {"rank", fault.rank},
                        {"cause", cause_names[static_cast<std::size_t>(fault.cause)]}};
  if (fault.num_ranks > 1) out["num_ranks"] = fault.num_ranks;
  if (!fault.host.empty()) out["host"] = fault.host;
  if (!fault.op.empty()) out["op"] = fault.op;
  if (fault.secs > 0) out["secs"] = fault.secs;
  if (fault.peer >= 0) out["peer"] = fault.peer;
  if (!fault.detail.empty()) out["detail"] = fault.detail;
  for (const Tag& tag : fault.waits) out["waits"].push_back(to_string(tag));
  return out;
}

}  // namespace dsrun
