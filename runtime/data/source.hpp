// The data of a job, opened: which kind of files they are, and what is done to their documents before sequences are
// made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "runtime/data/files.hpp"
#include "runtime/data/token_source.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// Texts, of which each byte is a token, or token files; relative paths start at `folder`. Throws DataError: what
// open_corpus says, files of several kinds or tokenizers, a tokenizer.json that is not theirs or lacks fim_tokens.
std::shared_ptr<const TokenSource> open_source(const DataSpec& data, const std::string& folder, int length,
                                               std::uint64_t seed);

// The same of files alone, all of it for evaluation. Texts are read by the tokenizer if there is one.
std::shared_ptr<const TokenSource> open_source(const std::vector<std::string>& files,
                                               const std::optional<Tokenizer>& tokenizer);

// Maps what matches, in order of path, each once.
std::vector<MappedFile> map_data_files(const std::vector<std::string>& patterns, const std::string& folder);

// Throws DataError unless the training part has `length` + 1 tokens.
void check_has_a_sequence(const TokenSource& source, const std::vector<std::string>& patterns, int length);

}  // namespace dsrun
