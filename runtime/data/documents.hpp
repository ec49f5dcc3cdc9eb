// DocumentReader: the documents of text files, in blocks, in order; each file is mapped only while it is read. What is
// not as it should be is skipped or repaired, and counted (oddities.hpp).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/oddities.hpp"

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

// What a document is. "file": each file; "line": each line that is not blank, without its end; "jsonl": of each line
// the text in `field` of an object. A field "a.b" is b of the object a, if the object has no field of that very name.
struct DocumentKind {
  std::string kind = "file";
  std::string field = "text";
  bool strict = false;  // what is odd is an error
};

class DocumentReader {
 public:
  // Throws DataError.
  DocumentReader(const std::vector<std::string>& patterns, DocumentKind kind);

  // About a megabyte of documents; empty: there are no more. Throws DataError naming file and line; also if there was
  // no document at all.
  std::vector<DocumentText> next_block();

  const Oddities& oddities() const { return oddities_; }

 private:
  bool open_next();
  void skip_byte_order_mark(std::string_view& text);
  void add_text(std::string_view text, std::vector<DocumentText>& block);
  void add_line(std::string_view line, std::vector<DocumentText>& block);
  void add_record(std::string_view line, std::vector<DocumentText>& block);
  std::string place() const;  // file and line
  [[noreturn]] void fail_without_documents() const;

  std::vector<std::string> paths_;
  DocumentKind kind_;
  Oddities oddities_;
  std::size_t next_path_ = 0;
  bool found_ = false;  // a document
  std::shared_ptr<const MappedFile> file_;
  std::string_view rest_;  // of file_
  std::int64_t line_ = 0;
};

}  // namespace dsrun
