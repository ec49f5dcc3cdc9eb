// The files of an imported folder that training does not change and an export says again: config.json, and those about
// tokens, generation and code that config.json's auto_map names. A run keeps copies, so that its export does not need
// the folder any more.
#pragma once

#include <string>
#include <vector>

namespace dsrun {

inline constexpr const char* kept_import = "imported";  // folder of the copies in a run's folder

// Names within the folder, sorted; none where there is no folder.
std::vector<std::string> imported_files(const std::string& folder);

// Whether a file says how text becomes tokens; those of a folder belong together.
bool is_about_tokens(const std::string& name);

// Copies imported_files() of `from` to the folder `to`; nothing where `from` is gone. Throws StorageError.
void keep_imported_files(const std::string& from, const std::string& to);

}  // namespace dsrun
