#include "dsrun/export/export_files.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsrun/export/imported_folder.hpp"
#include "dsrun/export/read_file.hpp"
#include "dsrun/export/tokenizer_files.hpp"
#include "dsrun/run/imported_files.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/data/sources/source.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

constexpr const char* tokenizer_name = "tokenizer.json";

std::optional<RunTokenizer> read_tokenizer(const Job& job) {
  const std::string& path = job.data.tokenizer;
  if (path.empty()) return std::nullopt;
  try {
    std::string text = read_file(path);
    const std::string name = text.starts_with('{') ? tokenizer_name : std::filesystem::path(path).filename().string();
    Tokenizer tokenizer = Tokenizer::load(path);
    if (tokenizer.vocab_size() > job.model.vocab_size)
      throw StorageError(
          fmt::format("{}: it has {} tokens, and the model {}", path, tokenizer.vocab_size(), job.model.vocab_size));
    return RunTokenizer{name, std::move(text), std::move(tokenizer)};
  } catch (const StorageError& error) {
    throw StorageError(fmt::format("data.tokenizer: {} (--tokenizer names another place)", error.what()));
  }
}

std::optional<ImportedFolder> read_imported(const Job& job) {
  if (job.model.init_from.empty()) return std::nullopt;
  try {
    return read_imported_folder(job.model.init_from, job);
  } catch (const StorageError& error) {
    throw StorageError(
        fmt::format("model.init_from: {}\nWhat training does not change comes from there: --like names another place, "
                    "and --like \"\" leaves it out",
                    error.what()));
  }
}

bool has_vocabulary(const ImportedFolder& imported) {
  return std::any_of(imported.files.begin(), imported.files.end(), [](const ExportFile& file) {
    return file.name == tokenizer_name || file.name == "vocab.json" || file.name.ends_with(".model");
  });
}

// Whether the run's tokens are those of the folder from which it began.
bool same_tokenizer(const ImportedFolder& imported, const std::optional<RunTokenizer>& run) {
  return !run || std::any_of(imported.files.begin(), imported.files.end(), [&](const ExportFile& file) {
    return file.name == run->file_name && file.content == run->text;
  });
}

// The length that YaRN stretches the context to, or that of training. Releases 4.48 to 4.55 of transformers take YaRN's
// factor from it, so that it is their ratio whatever the sequences were.
std::int64_t context_of(const Job& job) {
  const YarnSpec& yarn = job.model.yarn;
  return yarn.on() ? std::llround(yarn.factor * yarn.original_length) : job.batch.length;
}

// The token that the tokenizer puts before a text, or else one that is named so.
std::optional<std::int32_t> begin_token(const Tokenizer& tokenizer) {
  const std::vector<std::int32_t> around = tokenizer.encode("", true);
  if (around.empty() || around[0] == tokenizer.end_token()) return tokenizer.begin_token();
  return around[0];
}

// The token that ended the documents of training, or else one that is named so.
std::optional<std::int32_t> end_token(const Job& job, const Tokenizer& tokenizer) {
  if (const std::optional<std::int32_t> trained = end_token_of_data(job.data, job.folder)) return trained;
  return tokenizer.end_token();
}

HuggingFaceConfig config_of(const Job& job, const std::optional<RunTokenizer>& run) {
  HuggingFaceConfig config{job.model, context_of(job), {}, {}};
  if (run) {
    config.end_token = end_token(job, run->tokenizer);
    config.begin_token = begin_token(run->tokenizer);
    if (config.begin_token == config.end_token) config.begin_token.reset();
  }
  return config;
}

ExportFile generation_config(const HuggingFaceConfig& config) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  if (config.begin_token) object["bos_token_id"] = *config.begin_token;
  if (config.end_token) object["eos_token_id"] = *config.end_token;
  return {"generation_config.json", object.dump(2) + "\n"};
}

void append(std::vector<ExportFile>& to, std::vector<ExportFile> files) {
  std::move(files.begin(), files.end(), std::back_inserter(to));
}

// What the folder does not say of a tokenizer that it does not hold.
void add_missing_files(ImportedFolder& imported, std::vector<ExportFile> files) {
  const auto has = [&](const std::string& name) {
    return std::any_of(imported.files.begin(), imported.files.end(),
                       [&](const ExportFile& file) { return file.name == name; });
  };
  for (ExportFile& file : files)
    if (!has(file.name)) imported.files.push_back(std::move(file));
}

// All that the run's own tokenizer says.
void add_own_tokens(ExportFiles& made, const Job& job, const std::optional<RunTokenizer>& run) {
  const HuggingFaceConfig config = config_of(job, run);
  const RunTokenizer* tokenizer = run ? &*run : nullptr;
  append(made.files, tokenizer_files(config, tokenizer));
  made.files.push_back(generation_config(config));
  for (std::string& note : tokenizer_notes(config, tokenizer)) made.notes.push_back(std::move(note));
}

void add_born(ExportFiles& made, const Job& job, const std::optional<RunTokenizer>& run, std::string_view dtype) {
  made.files.push_back({"config.json", write_hugging_face_config(config_of(job, run), dtype)});
  add_own_tokens(made, job, run);
  const int layers = job.model.layers;
  if (job.model.q_rank == 0 && layers != 26 && layers != 27)
    made.notes.push_back(fmt::format(
        "llama.cpp (build 11549) loads a model without q latent only if it has 26 or 27 layers, and this one "
        "has {}: model.q_rank > 0 helps",
        layers));
}

void add_imported(ExportFiles& made, const Job& job, const std::optional<RunTokenizer>& run, std::string_view dtype,
                  ImportedFolder imported) {
  HuggingFaceConfig config = config_of(job, run);
  config.max_length = job.batch.length;
  const bool has_none = !has_vocabulary(imported), keeps_tokens = has_none || same_tokenizer(imported, run);
  if (has_none && run) add_missing_files(imported, tokenizer_files(config, &*run));
  made.files.push_back({"config.json", update_hugging_face_config(imported.config, config, dtype, keeps_tokens)});
  if (!keeps_tokens) {
    made.notes.push_back(
        fmt::format("data.tokenizer is another than that of {}: its tokenizer's files and ids are "
                    "left out",
                    imported.folder));
    std::erase_if(imported.files, [](const ExportFile& file) {
      return is_about_tokens(file.name) || file.name == "generation_config.json";
    });
    add_own_tokens(made, job, run);
  }
  append(made.files, std::move(imported.files));
}

}  // namespace

ExportFiles export_files(const Job& job, std::string_view dtype) {
  const std::optional<RunTokenizer> run = read_tokenizer(job);
  std::optional<ImportedFolder> imported = read_imported(job);
  ExportFiles made;
  if (imported)
    add_imported(made, job, run, dtype, std::move(*imported));
  else
    add_born(made, job, run, dtype);
  return made;
}

}  // namespace dsrun
