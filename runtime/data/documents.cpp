#include "runtime/data/documents.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "runtime/data/json_repair.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos; }

// "a.b": the field of that very name, or b of the object a.
const nlohmann::json* find_field(const nlohmann::json& object, std::string_view field) {
  if (!object.is_object()) return nullptr;
  if (const auto found = object.find(field); found != object.end()) return &*found;
  for (std::size_t dot = field.find('.'); dot != std::string_view::npos; dot = field.find('.', dot + 1))
    if (const auto outer = object.find(field.substr(0, dot)); outer != object.end())
      if (const nlohmann::json* inner = find_field(*outer, field.substr(dot + 1))) return inner;
  return nullptr;
}

// Why a record gives no document; empty: it gives one.
std::string fault_of(const nlohmann::json& record, const nlohmann::json* found, std::string_view field) {
  if (record.is_discarded()) return "malformed JSON, or a line that breaks off";
  if (!record.is_object()) return fmt::format("a record is not an object in JSON, but {}", record.type_name());
  if (found == nullptr) return fmt::format("the object has no field \"{}\"", field);
  if (!found->is_string()) return fmt::format("the field \"{}\" is no string, but {}", field, found->type_name());
  return "";
}

}  // namespace

DocumentReader::DocumentReader(const std::vector<std::string>& patterns, DocumentKind kind)
    : kind_(std::move(kind)), oddities_(kind_.strict) {
  for (const std::string& path : find_data_files(patterns, "")) paths_.push_back(path);
}

bool DocumentReader::open_next() {
  while (next_path_ < paths_.size()) {
    auto file = std::make_shared<const MappedFile>(paths_[next_path_++]);
    if (const std::string fault = fault_of_text(*file); !fault.empty()) {
      oddities_.skipped(fault, file->path());
      continue;
    }
    file_ = std::move(file);
    rest_ = file_->text();
    line_ = 0;
    return true;
  }
  return false;
}

std::string DocumentReader::place() const {
  return line_ == 0 ? file_->path() : fmt::format("{}: line {}", file_->path(), line_);
}

// At the begin of a file, and of each file that was put behind another.
void DocumentReader::skip_byte_order_mark(std::string_view& text) {
  if (!text.starts_with(byte_order_mark)) return;
  text.remove_prefix(byte_order_mark.size());
  oddities_.repaired("a byte order mark", place());
}

void DocumentReader::add_text(std::string_view text, std::vector<DocumentText>& block) {
  skip_byte_order_mark(text);
  if (text.empty()) return;
  found_ = true;
  if (well_formed_prefix(text) == text.size()) {
    block.emplace_back(file_, text);
    return;
  }
  oddities_.repaired("malformed UTF-8", place());
  block.emplace_back(replace_malformed(text));
}

void DocumentReader::add_line(std::string_view line, std::vector<DocumentText>& block) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (is_blank(line)) return;
  return kind_.kind == "line" ? add_text(line, block) : add_record(line, block);
}

void DocumentReader::add_record(std::string_view line, std::vector<DocumentText>& block) {
  skip_byte_order_mark(line);
  if (is_blank(line)) return;
  nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
  RepairedJson repaired;
  if (record.is_discarded()) {
    repaired = repair_json(line);
    if (!repaired.repairs.empty()) record = nlohmann::json::parse(repaired.text, nullptr, false);
  }
  const nlohmann::json* found = find_field(record, kind_.field);
  if (const std::string fault = fault_of(record, found, kind_.field); !fault.empty())
    return oddities_.skipped(fault, place());
  for (const std::string_view repair : repaired.repairs) oddities_.repaired(repair, place());
  found_ = true;
  block.emplace_back(found->get<std::string>());
}

void DocumentReader::fail_without_documents() const {
  throw DataError(fmt::format("the files hold no document. {}", fmt::join(oddities_.lines(), "; ")));
}

std::vector<DocumentText> DocumentReader::next_block() {
  constexpr std::size_t block_bytes = 1 << 20;
  std::vector<DocumentText> block;
  for (std::size_t bytes = 0; bytes < block_bytes || block.empty();) {
    if (rest_.empty() && !open_next()) break;
    if (kind_.kind == "file") {
      add_text(rest_, block);
      bytes += rest_.size();
      rest_ = {};
      continue;
    }
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    ++line_;
    add_line(rest_.substr(0, end), block);
    bytes += end + 1;
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
  }
  if (block.empty() && !found_) fail_without_documents();
  return block;
}

}  // namespace dsrun
