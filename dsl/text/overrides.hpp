// `--set table.key=value`: a change of a parsed job file before it is read, so that overrides obey the same rules.
#pragma once

#include <vector>

#include "dsl/text/document.hpp"

namespace dsrun {

// `source` holds the override and outlives `root`. Arrays go by index from 0; an index at the end adds an entry.
void apply_override(TomlTable& root, const Source& source, std::vector<Diagnostic>& faults);

}  // namespace dsrun
