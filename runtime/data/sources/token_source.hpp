// TokenSource: the tokens of a job as one stream of documents, from which BatchLoader cuts sequences. To train from
// another kind of data, derive from this and give it a place in open_source (source.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

namespace dsrun {

struct TokenRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual std::int64_t size() const = 0;           // tokens
  virtual std::int64_t training_size() const = 0;  // tokens before the validation part
  // Tokens [position, position + count) of the stream. Thread-safe.
  virtual void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const = 0;

  // Documents lie one after the other, from the stream's begin to its end. Some may be empty.
  virtual std::int64_t num_documents() const { return 1; }
  virtual TokenRange document(std::int64_t) const { return {0, size()}; }
  // Ends every document of the stream; −1: documents have no such token.
  virtual std::int32_t end_token() const { return -1; }
  virtual std::int32_t vocab_size() const { return 256; }
  virtual bool reads_bytes() const { return false; }          // each byte of a text is a token
  virtual std::int64_t text_bytes() const { return size(); }  // that the tokens stand for
};

// The part of a document that is for training.
inline TokenRange training_part(const TokenSource& source, std::int64_t document) {
  const TokenRange range = source.document(document);
  return {std::min(range.begin, source.training_size()), std::min(range.end, source.training_size())};
}

}  // namespace dsrun
