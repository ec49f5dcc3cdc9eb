// Corpus: the text of a job, memory-mapped, as one stream of bytes; each byte is a token, each file a document.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

class Corpus : public TokenSource {
 public:
  // The files' bytes one after the other; the last `validation_fraction` is for validation.
  Corpus(std::vector<MappedFile> files, double validation_fraction);

  std::int64_t size() const override { return begins_.back(); }
  std::int64_t training_size() const override { return training_; }
  std::int64_t num_documents() const override { return static_cast<std::int64_t>(files_.size()); }
  TokenRange document(std::int64_t index) const override;
  bool reads_bytes() const override { return true; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override;

 private:
  std::vector<MappedFile> files_;
  std::vector<std::int64_t> begins_;  // of each file in the stream, and the stream's end
  std::int64_t training_;
};

}  // namespace dsrun
