// What must hold of a job file before a TOML parser may see it: toml++ 3.3 has undefined behaviour on malformed UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dsl/diagnostic.hpp"

namespace dsrun {

std::optional<Diagnostic> check_text(std::string_view text, const std::string& file_name);

// Line `number` (from 1) of a text, without its end.
std::string line_of(std::string_view text, int number);

}  // namespace dsrun
