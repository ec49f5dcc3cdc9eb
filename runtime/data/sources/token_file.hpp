// Token files: what `dsrun tokenize` writes once and training maps into memory. Little-endian, as the machines that run
// this.
//
//   80 bytes  the header: token_file_format.hpp
//   tokens    2 bytes each where the vocabulary has at most 65,536 tokens, else 4
//   padding   to a multiple of 8 bytes
//   index     8 bytes each: where every document begins, counted in tokens, and where the last one ends
//
// The header has hashes of the tokenizer.json that made the tokens, of the index and of the header. So a file that is
// cut short, damaged or made by another tokenizer is refused at once. A file has its name only when it is whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

struct TokenFileKind {
  std::int32_t vocab_size = 0;
  std::int32_t end_token = -1;  // ends every document; −1: none
  std::uint64_t tokenizer_hash = 0;
  bool operator==(const TokenFileKind&) const = default;
};

class TokenFileWriter {
 public:
  // All throw DataError. Writes to a temporary name beside `path`, removed if finish() is not reached.
  TokenFileWriter(const std::string& path, const TokenFileKind& kind);
  ~TokenFileWriter();
  TokenFileWriter(const TokenFileWriter&) = delete;
  TokenFileWriter& operator=(const TokenFileWriter&) = delete;

  // A whole document, its end token included.
  void add(std::span<const std::int32_t> tokens, std::uint64_t text_bytes);
  void finish();  // syncs, and gives the file its name

  const TokenFileKind& kind() const { return kind_; }
  std::int64_t num_tokens() const { return static_cast<std::int64_t>(index_.back()); }
  std::int64_t num_documents() const { return static_cast<std::int64_t>(index_.size()) - 1; }
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  void flush();
  std::size_t token_bytes() const;

  std::string path_, part_;
  int file_ = -1;
  TokenFileKind kind_;
  std::vector<std::uint64_t> index_ = {0};
  std::uint64_t text_bytes_ = 0;
  std::string buffer_;
};

class TokenFile {
 public:
  // Throws DataError naming the file. Checks header and index: reads the index once.
  explicit TokenFile(const std::string& path) : TokenFile(MappedFile(path)) {}
  explicit TokenFile(MappedFile file);

  static bool begins(const MappedFile& file);  // as a token file does

  const TokenFileKind& kind() const { return kind_; }
  std::int64_t num_tokens() const { return num_tokens_; }
  std::int64_t num_documents() const { return static_cast<std::int64_t>(index_.size()) - 1; }
  std::int64_t text_bytes() const { return text_bytes_; }
  const std::string& path() const { return file_.path(); }

  TokenRange document(std::int64_t index) const;  // index < num_documents()
  // Tokens [position, position + count), which must be there. Thread-safe. Throws DataError at a token that the
  // vocabulary does not have.
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const;

 private:
  void read_header();
  void read_index();

  MappedFile file_;
  bool wide_ = false;  // 4 bytes a token
  std::int64_t num_tokens_ = 0;
  std::int64_t text_bytes_ = 0;
  TokenFileKind kind_;
  std::span<const std::uint64_t> index_;
};

}  // namespace dsrun
