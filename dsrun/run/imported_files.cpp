#include "dsrun/run/imported_files.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 11> token_files = {
    "tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt",        "tokenizer.model",       "tiktoken.model",          "vocab.txt",         "chat_template.jinja",
    "chat_template.json"};
constexpr const char* more_templates = "additional_chat_templates/";

bool comes_along(const std::string& name) {
  return is_about_tokens(name) || name == "config.json" || name == "generation_config.json" || name.ends_with(".py") ||
         name.starts_with("LICENSE");
}

}  // namespace

bool is_about_tokens(const std::string& name) {
  return std::find(token_files.begin(), token_files.end(), name) != token_files.end() ||
         name.starts_with(more_templates);
}

std::vector<std::string> imported_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const std::string prefix : {"", more_templates})
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(folder) / prefix, error)) {
      const std::string name = prefix + entry.path().filename().string();
      if (entry.is_regular_file(error) && comes_along(name)) names.push_back(name);
    }
  std::sort(names.begin(), names.end());
  return names;
}

void keep_imported_files(const std::string& from, const std::string& to) {
  std::error_code error;
  for (const std::string& name : imported_files(from)) {
    const fs::path copy = fs::path(to) / name, part = copy.string() + ".part";
    fs::create_directories(copy.parent_path(), error);
    if (!error) fs::copy_file(fs::path(from) / name, part, fs::copy_options::overwrite_existing, error);
    if (!error) fs::rename(part, copy, error);
    if (error) throw StorageError(fmt::format("cannot copy {}/{} to {}: {}", from, name, to, error.message()));
  }
}

}  // namespace dsrun
