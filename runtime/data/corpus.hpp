// Corpus: the text of a job, memory-mapped, as one stream of bytes; each byte is a token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dsl/job.hpp"
#include "runtime/data/token_source.hpp"

namespace dsrun {

struct CorpusError {
  std::string message;  // names the pattern or file
};

class Corpus : public TokenSource {
 public:
  ~Corpus() override;
  Corpus(const Corpus&) = delete;
  Corpus& operator=(const Corpus&) = delete;

  std::int64_t size() const override { return size_; }  // bytes of all files
  std::int64_t training_size() const override { return training_; }
  std::uint8_t byte(std::int64_t position) const;  // of the whole stream
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override;

 private:
  friend std::variant<std::shared_ptr<const Corpus>, CorpusError> open_corpus(const std::vector<std::string>& patterns,
                                                                              const std::string& folder, int length,
                                                                              double validation_fraction);
  struct File {
    const std::uint8_t* data;
    std::int64_t begin;  // in the stream
    std::int64_t size;
  };
  Corpus() = default;
  const File& file_at(std::int64_t position) const;

  std::vector<File> files_;
  std::int64_t size_ = 0;
  std::int64_t training_ = 0;
};

// Files that match the globs (relative ones start at `folder`), in order of path, each once, as one stream; its last
// `validation_fraction` is for validation. Errors: a pattern that matches nothing, a file that is empty, no regular
// file or unreadable, a training part without one sequence of `length` + 1 bytes.
std::variant<std::shared_ptr<const Corpus>, CorpusError> open_corpus(const std::vector<std::string>& patterns,
                                                                     const std::string& folder, int length,
                                                                     double validation_fraction);

}  // namespace dsrun
