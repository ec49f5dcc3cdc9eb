// What a run leaves in its folder, and what it shows there while it goes on.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {

// Everything that a job's numbers show, exactly.
std::vector<std::string> numbers_of(const std::filesystem::path& run);
// Bytes of all shards, by name of file.
std::map<std::string, std::string> shards_of(const std::filesystem::path& run);
std::vector<nlohmann::json> events_of(const std::filesystem::path& run, const std::string& event);
// Waits until metrics.jsonl has as many lines; false: the program ended before, or a minute passed.
bool has_made_steps(Program& program, const std::filesystem::path& run, std::size_t steps);

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& second);

}  // namespace dsrun::test
