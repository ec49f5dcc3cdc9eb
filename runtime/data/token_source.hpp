// TokenSource: the tokens of a job as one stream, from which BatchLoader cuts sequences. To train from another kind of
// data, derive from this.
#pragma once

#include <cstdint>

namespace dsrun {

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual std::int64_t size() const = 0;           // tokens
  virtual std::int64_t training_size() const = 0;  // tokens before the validation part
  // Tokens [position, position + count) of the stream. Thread-safe.
  virtual void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const = 0;
};

}  // namespace dsrun
