// What editors and readers get from the key table.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace dsrun {

nlohmann::json json_schema();  // JSON Schema (draft 2020-12) of a job file
std::string reference_page();  // docs/job-file.md

}  // namespace dsrun
