#include "runtime/data/sources/source.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/data/fim.hpp"
#include "runtime/data/sources/corpus.hpp"
#include "runtime/data/sources/encoded_text.hpp"
#include "runtime/data/sources/oddities.hpp"
#include "runtime/data/sources/token_stream.hpp"

namespace dsrun {
namespace {

std::shared_ptr<const TokenSource> open_files(std::vector<MappedFile> files, double validation_fraction) {
  const auto text = std::find_if_not(files.begin(), files.end(), TokenFile::begins);
  const auto tokens = std::find_if(files.begin(), files.end(), TokenFile::begins);
  if (tokens == files.end()) return std::make_shared<const Corpus>(std::move(files), validation_fraction);
  if (text != files.end())
    throw DataError(
        fmt::format("{} is a token file and {} a text: one kind belongs in a job", tokens->path(), text->path()));
  std::vector<TokenFile> token_files;
  for (MappedFile& file : files) token_files.emplace_back(std::move(file));
  return std::make_shared<const TokenStream>(std::move(token_files), validation_fraction);
}

void check_made_by(const Tokenizer& tokenizer, const TokenSource& source) {
  if (tokenizer.hash() != dynamic_cast<const TokenStream&>(source).kind().tokenizer_hash)
    throw DataError(fmt::format("{} did not make the token files", tokenizer.name()));
}

Tokenizer load_tokenizer(const DataSpec& data, const std::string& folder, const TokenSource& source) {
  if (source.reads_bytes())
    throw DataError(
        "data.files are texts, and data.tokenizer is not for them: make token files of them with "
        "`dsrun tokenize`");
  Tokenizer tokenizer = Tokenizer::load((std::filesystem::path(folder) / data.tokenizer).lexically_normal().string());
  check_made_by(tokenizer, source);
  return tokenizer;
}

FimTokens find_fim_tokens(const DataSpec& data, const Tokenizer& tokenizer) {
  if (data.fim_tokens.size() != 3)
    throw DataError(
        fmt::format("data.fim_tokens has {} names: begin, hole and end belong there", data.fim_tokens.size()));
  std::array<std::int32_t, 3> found{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto token = tokenizer.find_token(data.fim_tokens[i]);
    if (!token)
      throw DataError(fmt::format("data.fim_tokens: {} has no token \"{}\"", data.tokenizer, data.fim_tokens[i]));
    found[i] = *token;
  }
  return {found[0], found[1], found[2]};
}

std::vector<MappedFile> map_data_files(const std::vector<std::string>& patterns, const std::string& folder,
                                       Oddities& oddities) {
  if (patterns.empty()) throw DataError("data.files is empty: a job that trains needs text");
  std::vector<MappedFile> files;
  for (const std::string& path : find_data_files(patterns, folder)) {
    MappedFile file(path);
    if (const std::string fault = fault_of_text(file); !fault.empty()) {
      oddities.skipped(fault, path);
    } else {
      files.push_back(std::move(file));
    }
  }
  if (files.empty()) throw DataError(fmt::format("no file can be used: {}", fmt::join(oddities.lines(), "; ")));
  return files;
}

void check_has_a_sequence(const TokenSource& source, const std::vector<std::string>& patterns, int length) {
  if (source.training_size() >= length + 1) return;
  throw DataError(fmt::format("{}: {} tokens for training are less than one sequence: {} and a target",
                              fmt::join(patterns, ", "), source.training_size(), length));
}

}  // namespace

std::shared_ptr<const TokenSource> open_source(const DataSpec& data, const std::string& folder, int length,
                                               std::uint64_t seed, std::vector<std::string>* notes) {
  Oddities oddities(data.strict);
  auto source = open_files(map_data_files(data.files, folder, oddities), data.validation_fraction);
  if (notes != nullptr) *notes = oddities.lines();
  check_has_a_sequence(*source, data.files, length);
  if (data.tokenizer.empty()) {
    if (data.fim_rate > 0) throw DataError("data.fim_rate needs token files and their data.tokenizer");
    return source;
  }
  const Tokenizer tokenizer = load_tokenizer(data, folder, *source);
  if (data.fim_rate == 0) return source;
  return std::make_shared<const FimSource>(std::move(source), data.fim_rate, find_fim_tokens(data, tokenizer), seed);
}

std::optional<std::int32_t> end_token_of_data(const DataSpec& data, const std::string& folder) {
  try {
    for (const std::string& path : find_data_files(data.files, folder))
      if (MappedFile file(path); TokenFile::begins(file))
        if (const std::int32_t token = TokenFile(std::move(file)).kind().end_token; token >= 0) return token;
  } catch (const DataError&) {  // exports need no data
  }
  return std::nullopt;
}

std::shared_ptr<const TokenSource> open_source(const std::vector<std::string>& files,
                                               const std::optional<Tokenizer>& tokenizer, Oddities& oddities) {
  std::vector<MappedFile> mapped = map_data_files(files, "", oddities);
  if (tokenizer && std::none_of(mapped.begin(), mapped.end(), TokenFile::begins))
    return std::make_shared<const EncodedText>(mapped, *tokenizer);
  auto source = open_files(std::move(mapped), 0);
  if (tokenizer) check_made_by(*tokenizer, *source);
  return source;
}

}  // namespace dsrun
