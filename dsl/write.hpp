// Writes a Job as text.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "dsl/job.hpp"

namespace dsrun {

std::string to_toml(const Job& job);               // every default filled in; parses back to an equal Job
nlohmann::json to_json(const Job& job);            // {"job": {"name": …}, …, "cluster": {…, "node": […]}}
std::string starter_job(const std::string& name);  // what `dsrun init` writes: every key, its default and its help

}  // namespace dsrun
