// Writes a Job as text.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "dsl/job.hpp"

namespace dsrun {

std::string to_toml(const Job& job);     // every default filled in; parses back to an equal Job
nlohmann::json to_json(const Job& job);  // {"job": {"name": …}, …, "cluster": {…, "node": […]}}

struct StarterJob {
  std::string name;
  std::string preset = "deepseek-v3-tiny";
  bool all_keys =
      false;  // with the preset's values; else those that a first job changes, so that the preset rules the rest
};

// What `dsrun init` writes: keys with their help.
std::string starter_job(const StarterJob& starter);

}  // namespace dsrun
