// A number by which a resumed run checks that its text is the one that the checkpoint was trained on.
#pragma once

#include <cstdint>

#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

// Depends on the size and the tokens. If a source has more than 2^24 tokens, evenly spaced pieces with 2^24 tokens in
// all count. A change between them is not noticed.
std::uint64_t fingerprint(const TokenSource& source);

}  // namespace dsrun
