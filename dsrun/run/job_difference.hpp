// Whether a job may go on from another one's checkpoint: which keys differ, and what a difference means.
//
// Keys that only say where and how often never matter. Keys that shape what comes next but not the saved state need
// --resume. All others make the checkpoint useless to the job. The lists are in job_difference.cpp; a key in neither
// is of the last sort.
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
