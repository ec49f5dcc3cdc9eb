// The tokenizer's files of an export whose model has none from an imported folder: what transformers' AutoTokenizer and
// converters of others need besides tokenizer.json. A model that began as an imported folder takes that folder's files
// instead (imported_folder.hpp).
//
// To let an export say more about its tokenizer (a chat template), add a file to what this function returns. All files
// are made before any is written, so that a fault leaves nothing.
#pragma once

#include <string>
#include <vector>

#include "dsrun/export/export_file.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// What a run's tokens are: the text of its tokenizer.json and the tokenizer made of it. Null: tokens are bytes, or the
// run had token files and no data.tokenizer.
struct RunTokenizer {
  std::string file_name;  // in the export
  std::string text;
  Tokenizer tokenizer;
};

// `config`: what config.json says. Where tokens are bytes, tokenizer.json has a token for each byte.
std::vector<ExportFile> tokenizer_files(const HuggingFaceConfig& config, const RunTokenizer* tokenizer);

// What other programs cannot do with these tokens, and what would help.
std::vector<std::string> tokenizer_notes(const HuggingFaceConfig& config, const RunTokenizer* tokenizer);

}  // namespace dsrun
