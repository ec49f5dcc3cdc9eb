// All files of an export besides its weights, made before anything is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsl/job.hpp"
#include "dsrun/export/export_file.hpp"

namespace dsrun {

struct ExportFiles {
  std::vector<ExportFile> files;   // config.json among them
  std::vector<std::string> notes;  // for people
};

// `job`: the run's, whose model.init_from and data.tokenizer name what is read. A model that began as an imported
// folder keeps what that folder says and training does not change; any other gets its ids and length from the job and
// its tokenizer. `dtype`: of the weights, as torch calls it. Throws StorageError, which names the key and its file.
ExportFiles export_files(const Job& job, std::string_view dtype);

}  // namespace dsrun
