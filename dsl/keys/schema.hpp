// What editors and readers get from the key tables.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace dsrun {

// JSON Schema (draft 2020-12) of a job file. "x-change" and "x-live" of a key are its columns in dsl/keys/change.hpp.
nlohmann::json json_schema();
std::string reference_page();  // docs/job-file.md

}  // namespace dsrun
