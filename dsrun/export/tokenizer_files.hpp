// The tokenizer's files of an export whose model has none from an imported folder: what transformers' AutoTokenizer and
// converters of others need besides tokenizer.json. A model that began as an imported folder takes that folder's files
// instead (imported_folder.hpp).
//
// To let an export say more about its tokenizer (tokenizer_config.json, a chat template, a tokenizer.json for bytes),
// add a file to what this function returns. All files are made before any is written, so that a fault leaves nothing.
#pragma once

#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "dsrun/export/export_file.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// What a run's tokens are: the text of its tokenizer.json and the tokenizer made of it. Null: tokens are bytes, or the
// run had token files and no data.tokenizer.
struct RunTokenizer {
  std::string file_name;  // in the export
  std::string text;
  Tokenizer tokenizer;
};

// Throws StorageError.
std::vector<ExportFile> tokenizer_files(const Job& job, const RunTokenizer* tokenizer);

}  // namespace dsrun
