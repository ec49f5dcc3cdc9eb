// TokenStream: token files as one stream; the training part ends where a document does.
#pragma once

#include <vector>

#include "runtime/data/sources/token_file.hpp"

namespace dsrun {

class TokenStream : public TokenSource {
 public:
  // In the order given; of one tokenizer, else throws DataError. About the last `validation_fraction` of the tokens is
  // for validation: whole documents, unless there is only one.
  TokenStream(std::vector<TokenFile> files, double validation_fraction);

  std::int64_t size() const override { return begins_.back(); }
  std::int64_t training_size() const override { return training_; }
  std::int64_t num_documents() const override { return first_documents_.back(); }
  TokenRange document(std::int64_t index) const override;
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override;
  std::int32_t end_token() const override { return kind().end_token; }
  std::int32_t vocab_size() const override { return kind().vocab_size; }
  std::int64_t text_bytes() const override;
  const TokenFileKind& kind() const { return files_[0].kind(); }

 private:
  std::int64_t end_of_training(double validation_fraction) const;

  std::vector<TokenFile> files_;
  std::vector<std::int64_t> begins_;           // of each file's tokens, and the stream's end
  std::vector<std::int64_t> first_documents_;  // of each file, and their number in all
  std::int64_t training_;
};

}  // namespace dsrun
