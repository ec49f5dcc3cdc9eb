#include "runtime/data/fingerprint.hpp"

#include <algorithm>
#include <vector>

#include "runtime/hash.hpp"
#include "runtime/state/checkpoint/files.hpp"

namespace dsrun {

std::uint64_t fingerprint(const TokenSource& source) {
  constexpr std::int64_t piece = 4096, most_pieces = 4096;
  const std::int64_t size = source.size();
  const std::int64_t pieces = std::min((size + piece - 1) / piece, most_pieces);
  std::uint64_t hash = mix64(static_cast<std::uint64_t>(size));
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t begin = size <= pieces * piece ? i * piece : (size - piece) / (pieces - 1) * i;
    tokens.resize(static_cast<std::size_t>(std::min(piece, size - begin)));
    source.copy(begin, static_cast<std::int64_t>(tokens.size()), tokens.data());
    hash = mix64(hash ^ hash_bytes(tokens.data(), tokens.size() * sizeof tokens[0]));
  }
  return hash;
}

}  // namespace dsrun
