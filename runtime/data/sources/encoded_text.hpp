// EncodedText: text files that a tokenizer has encoded, in memory, for short texts such as those for evaluation.
#pragma once

#include <vector>

#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/token_source.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

class EncodedText : public TokenSource {
 public:
  // Each file is a document; no token is put before or after it. The whole text is for evaluation. Throws
  // TokenizerError.
  EncodedText(const std::vector<MappedFile>& files, const Tokenizer& tokenizer);

  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t training_size() const override { return 0; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override;
  std::int32_t vocab_size() const override { return vocab_size_; }
  std::int64_t text_bytes() const override { return text_bytes_; }

 private:
  std::vector<std::int32_t> tokens_;
  std::int32_t vocab_size_;
  std::int64_t text_bytes_ = 0;
};

}  // namespace dsrun
