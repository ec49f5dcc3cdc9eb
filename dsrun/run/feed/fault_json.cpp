#include "dsrun/run/feed/fault_json.hpp"

#include <nlohmann/json.hpp>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr EnumNames<Lost, 4> lost_names(
    {{Lost::step, "step"}, {Lost::rank, "rank"}, {Lost::host, "host"}, {Lost::job, "job"}});

constexpr EnumNames<FaultCause, 11> cause_names({{FaultCause::error, "error"},
                                                 {FaultCause::storage, "storage"},
                                                 {FaultCause::wait, "wait"},
                                                 {FaultCause::link_broken, "link_broken"},
                                                 {FaultCause::process_ended, "process_ended"},
                                                 {FaultCause::process_silent, "process_silent"},
                                                 {FaultCause::agent_ended, "agent_ended"},
                                                 {FaultCause::agent_silent, "agent_silent"},
                                                 {FaultCause::agent_unreachable, "agent_unreachable"},
                                                 {FaultCause::actor_ended, "actor_ended"},
                                                 {FaultCause::actor_silent, "actor_silent"}});

}  // namespace

nlohmann::json to_json(const DeviceFault& fault) {
  nlohmann::json out = {{"lost", lost_names[fault.lost()]}, {"rank", fault.rank}, {"cause", cause_names[fault.cause]}};
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
