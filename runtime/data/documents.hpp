// DocumentReader: the documents of text files, in blocks, in order; each file is mapped only while it is read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/data/sources/files.hpp"

namespace dsrun {

// A piece of a mapped file, kept as long as it is needed, or a text of its own.
class DocumentText {
 public:
  DocumentText(std::shared_ptr<const MappedFile> file, std::string_view text) : text_(text), file_(std::move(file)) {}
  explicit DocumentText(std::string text) : text_(std::move(text)) {}
  std::string_view text() const {
    if (const auto* own = std::get_if<std::string>(&text_)) return *own;
    return std::get<std::string_view>(text_);
  }

 private:
  std::variant<std::string, std::string_view> text_;
  std::shared_ptr<const MappedFile> file_;
};

// What a document is. "file": each file; "line": each line that is not empty, without its end; "jsonl": of each line
// the text in `field` of an object.
struct DocumentKind {
  std::string kind = "file";
  std::string field = "text";
};

class DocumentReader {
 public:
  // Throws DataError.
  DocumentReader(const std::vector<std::string>& patterns, DocumentKind kind);

  // About a megabyte of documents; empty: there are no more. Throws DataError naming file and line.
  std::vector<DocumentText> next_block();

 private:
  bool open_next();
  void add_line(std::string_view line, std::vector<DocumentText>& block);

  std::vector<std::string> paths_;
  DocumentKind kind_;
  std::size_t next_path_ = 0;
  std::shared_ptr<const MappedFile> file_;
  std::string_view rest_;  // of file_
  std::int64_t line_ = 0;
};

}  // namespace dsrun
