// The imported folder from which a run began, as far as its export says the same: config.json, and the files that
// training does not change.
#pragma once

#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "dsrun/export/export_file.hpp"

namespace dsrun {

struct ImportedFolder {
  std::string folder;
  std::string config;             // text of config.json
  std::vector<ExportFile> files;  // about tokens, generation, and code that config.json's auto_map names
};

// Throws StorageError, also where the folder's config.json is of another model than the job's.
ImportedFolder read_imported_folder(const std::string& folder, const Job& job);

}  // namespace dsrun
