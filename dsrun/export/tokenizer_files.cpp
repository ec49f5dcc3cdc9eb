#include "dsrun/export/tokenizer_files.hpp"

namespace dsrun {

std::vector<ExportFile> tokenizer_files(const Job&, const RunTokenizer* tokenizer) {
  if (tokenizer == nullptr) return {};
  return {{tokenizer->file_name, tokenizer->text}};
}

}  // namespace dsrun
