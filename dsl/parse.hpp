// Makes a validated Job from a TOML file and `--set` overrides, or reports every fault at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/job.hpp"
#include "dsl/text/diagnostic.hpp"

namespace dsrun {

struct ParseResult {
  std::optional<Job> job;  // only without faults
  std::vector<Diagnostic> faults;
};

// An override is table.key=value, with the value as TOML or a bare word. Entries of arrays are named by index
// (cluster.node.0.devices=4).
ParseResult parse_job_file(const std::string& path, const std::vector<std::string>& overrides = {});
ParseResult parse_job_text(std::string_view text, const std::string& file_name,
                           const std::vector<std::string>& overrides = {}, const std::string& folder = "");

}  // namespace dsrun
