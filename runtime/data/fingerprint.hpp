// A number by which a checkpoint knows the text that it was trained on again.
#pragma once

#include <cstdint>

#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

// Of the size and the tokens; of a source beyond 16 M tokens, of evenly spaced pieces of it that make 16 M, so that a
// change between them goes unseen.
std::uint64_t fingerprint(const TokenSource& source);

}  // namespace dsrun
