// A Job as text again: TOML with every default filled in, JSON, and the pages made from the key table.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "dsl/job.hpp"

namespace dsrun {

std::string to_toml(const Job& job);               // parses back to an equal Job
nlohmann::json to_json(const Job& job);            // {"job": {"name": …}, …, "cluster": {…, "node": […]}}
nlohmann::json json_schema();                      // JSON Schema (draft 2020-12) of a job file, for editors
std::string reference_page();                      // docs/job-file.md
std::string starter_job(const std::string& name);  // what `dsrun init` writes

}  // namespace dsrun
