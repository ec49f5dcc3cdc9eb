// Decides whether a job may continue from another job's checkpoint: which keys differ, and what a difference means.
//
// Keys that only say where and how often something happens never matter. Keys that shape the steps to come, but not the
// saved state, need --resume. With all others the checkpoint does not fit the job. The lists are in job_difference.cpp;
// a key in neither list is of the last kind.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dsl/job.hpp"

namespace dsrun {

struct JobDifference {
  std::vector<std::string> changeable;  // keys, as table.key
  std::vector<std::string> fixed;
  bool none() const { return changeable.empty() && fixed.empty(); }
};

// `saved`: the job of a checkpoint, as to_json(Job) wrote it.
JobDifference job_difference(const nlohmann::json& saved, const Job& wanted);

}  // namespace dsrun
