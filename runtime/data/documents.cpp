#include "runtime/data/documents.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dsrun {

DocumentReader::DocumentReader(const std::vector<std::string>& patterns, DocumentKind kind) : kind_(std::move(kind)) {
  for (const std::string& path : find_data_files(patterns, "")) paths_.push_back(path);
}

bool DocumentReader::open_next() {
  if (next_path_ == paths_.size()) return false;
  file_ = std::make_shared<const MappedFile>(paths_[next_path_++]);
  rest_ = file_->text();
  line_ = 0;
  return true;
}

void DocumentReader::add_line(std::string_view line, std::vector<DocumentText>& block) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return;
  if (kind_.kind == "line") {
    block.emplace_back(file_, line);
    return;
  }
  const auto fail = [&](const std::string& why) {
    throw DataError(fmt::format("{}: line {}: {}", file_->path(), line_, why));
  };
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) fail("not an object in JSON");
  const auto found = object.find(kind_.field);
  if (found == object.end()) fail(fmt::format("the object has no field \"{}\"", kind_.field));
  if (!found->is_string()) fail(fmt::format("the field \"{}\" is no string", kind_.field));
  block.emplace_back(found->get<std::string>());
}

std::vector<DocumentText> DocumentReader::next_block() {
  constexpr std::size_t block_bytes = 1 << 20;
  std::vector<DocumentText> block;
  for (std::size_t bytes = 0; bytes < block_bytes || block.empty();) {
    if (rest_.empty() && !open_next()) break;
    if (kind_.kind == "file") {
      block.emplace_back(file_, rest_);
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
  return block;
}

}  // namespace dsrun
