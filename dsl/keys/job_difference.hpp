// Whether a job may go on from another job's checkpoint: the keys whose values differ, sorted by their `change` column.
// A key with Change::free is in neither list.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dsl/job.hpp"

namespace dsrun {

struct JobDifference {
  std::vector<std::string> changeable;  // Change::on_resume; each as table.key, in the order of the key table
  std::vector<std::string> fixed;       // Change::never
  bool none() const { return changeable.empty() && fixed.empty(); }
};

// `saved`: the job of a checkpoint, as to_json(Job) wrote it, perhaps by a dsrun with other keys. A key that is missing
// there counts as different.
JobDifference job_difference(const nlohmann::json& saved, const Job& wanted);

}  // namespace dsrun
