#include "runtime/data/sources/encoded_text.hpp"

namespace dsrun {

EncodedText::EncodedText(const std::vector<MappedFile>& files, const Tokenizer& tokenizer)
    : vocab_size_(tokenizer.vocab_size()) {
  TokenizerScratch scratch;
  for (const MappedFile& file : files) {
    tokenizer.encode(file.text(), false, scratch, tokens_);
    text_bytes_ += file.size();
  }
}

void EncodedText::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  std::copy_n(tokens_.begin() + position, count, tokens);
}

}  // namespace dsrun
