// The data of a job, opened: which kind of files they are, and what is done to their documents before sequences are
// made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/specs/data.hpp"
#include "runtime/data/sources/files.hpp"
#include "runtime/data/sources/token_source.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// Texts, of which each byte is a token, or token files, in order of path, each once; relative paths start at `folder`.
// Throws DataError: a pattern that matches nothing, a file that is empty, no regular file or unreadable, files of
// several kinds or tokenizers, a tokenizer.json that is not theirs or lacks fim_tokens, a training part without one
// sequence of `length` + 1 tokens.
std::shared_ptr<const TokenSource> open_source(const DataSpec& data, const std::string& folder, int length,
                                               std::uint64_t seed);

// The same of files alone, all of it for evaluation. Texts are read by the tokenizer if there is one.
std::shared_ptr<const TokenSource> open_source(const std::vector<std::string>& files,
                                               const std::optional<Tokenizer>& tokenizer);

}  // namespace dsrun
