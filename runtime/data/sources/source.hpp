// Opens the data of a job: finds out which kind of files they are, and rearranges documents before sequences are made
// from them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/specs/data.hpp"
#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/oddities.hpp"
#include "runtime/data/sources/token_source.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// Opens texts, in which each byte is a token, or token files. Files come in order of path, each once; relative paths
// start at `folder`. A file that holds no text, because it is empty or compressed, is skipped; `notes` then say so, and
// with data.strict it is an error. Throws DataError if a pattern matches nothing, or if a file is not regular or
// unreadable. Also if files have several kinds or tokenizers, if another tokenizer.json made them, or if it lacks
// fim_tokens. Also if the training part has no sequence of `length` + 1 tokens.
std::shared_ptr<const TokenSource> open_source(const DataSpec& data, const std::string& folder, int length,
                                               std::uint64_t seed, std::vector<std::string>* notes = nullptr);

// Opens files for evaluation alone. The tokenizer, if there is one, encodes texts.
std::shared_ptr<const TokenSource> open_source(const std::vector<std::string>& files,
                                               const std::optional<Tokenizer>& tokenizer, Oddities& oddities);

// The token that ends each document of a job's token files; nothing if there is none, or no file is there any more.
std::optional<std::int32_t> end_token_of_data(const DataSpec& data, const std::string& folder);

}  // namespace dsrun
