#include "runtime/transport/wire/keyed_hash.hpp"

#include <bit>
#include <cstring>

namespace dsrun {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie in memory");

std::uint64_t load64(const std::byte* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  explicit SipState(const SipKey& key)
      : v0(key.low ^ 0x736f6d6570736575u),
        v1(key.high ^ 0x646f72616e646f6du),
        v2(key.low ^ 0x6c7967656e657261u),
        v3(key.high ^ 0x7465646279746573u) {}

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t sip_hash(const SipKey& key, std::span<const std::byte> input) {
  SipState state(key);
  const std::size_t whole = input.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) state.absorb(load64(input.data() + at));
  std::uint64_t last = static_cast<std::uint64_t>(input.size()) << 56;
  for (std::size_t at = whole; at < input.size(); ++at)
    last |= std::to_integer<std::uint64_t>(input[at]) << (8 * (at - whole));
  state.absorb(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::array<SipKey, 2> sip_keys(const JobSecret& secret) {
  return {SipKey{load64(secret.data()), load64(secret.data() + 8)},
          SipKey{load64(secret.data() + 16), load64(secret.data() + 24)}};
}

}  // namespace dsrun
