// A DeviceFault as events.jsonl has it, so that a program can read what was lost, by whom and why.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "actors/core/fault.hpp"

namespace dsrun {

// {"lost": "rank", "rank": 2, "cause": "wait", "op": "combine F1.3", "secs": 30.0, "waits": ["…"]}; fields that say
// nothing are left out.
nlohmann::json to_json(const DeviceFault& fault);

}  // namespace dsrun
