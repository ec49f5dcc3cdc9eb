#include "dsrun/export/imported_folder.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dsrun/export/read_file.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 11> token_files = {
    "tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt",        "tokenizer.model",       "tiktoken.model",          "vocab.txt",         "chat_template.jinja",
    "chat_template.json"};
constexpr std::string_view more_templates = "additional_chat_templates/";

bool comes_along(const std::string& name) {
  return is_about_tokens(name) || name == "generation_config.json" || name.ends_with(".py") ||
         name.starts_with("LICENSE");
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& [prefix, where] :
       {std::pair(std::string(), folder), std::pair(std::string(more_templates), folder / more_templates)})
    for (const fs::directory_entry& entry : fs::directory_iterator(where, error))
      if (entry.is_regular_file(error)) names.push_back(prefix + entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool is_about_tokens(const std::string& name) {
  return std::find(token_files.begin(), token_files.end(), name) != token_files.end() ||
         name.starts_with(more_templates);
}

ImportedFolder read_imported_folder(const std::string& folder, const Job& job) {
  ImportedFolder found{folder, read_file(folder + "/config.json"), {}};
  const HuggingFaceConfig config = read_pretrained_config(folder, job.model.accept).config.value();
  const std::vector<std::string> other = differences(config.model, job.model);
  if (!other.empty())
    throw StorageError(
        fmt::format("{}/config.json is of another model than the run:\n  {}", folder, fmt::join(other, "\n  ")));
  for (const std::string& name : names_in(folder))
    if (comes_along(name)) found.files.push_back({name, read_file(folder + "/" + name)});
  return found;
}

}  // namespace dsrun
