// The envelope precedes every active message. It has the ranks of sender and receiver, the job's generation, and the
// lengths of the message's parts. It proves that the sender knows the job's secret.
//
//   bytes  0  magic u32 | version u16 | header_bytes u16 | generation u32 | source u32 | destination u32 | zero u32
//         24  payload_bytes u64
//         32  proof, 16 bytes: a keyed hash of bytes 0 to 31 and the caller's header, under each half of the secret
//         48  the caller's header, at most max_header_bytes
//
// All fields are little-endian. The proof keeps strangers and other jobs out. It does not cover the payload, does not
// stop replays, and is not encryption. The secret itself is never sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/schedule/enum_table.hpp"
#include "runtime/transport/wire/keyed_hash.hpp"

namespace dsrun {

inline constexpr std::uint32_t envelope_magic = 0x6e757264;  // "drun"
inline constexpr std::uint16_t envelope_version = 1;
inline constexpr std::size_t envelope_bytes = 48;
inline constexpr std::size_t max_header_bytes = 128;  // of the caller's header

// Why a message was dropped. No part of a dropped message reaches the caller.
enum class Drop : std::uint8_t {
  foreign,     // too short, or no magic
  version,     // another protocol version
  proof,       // wrong secret, or altered on its way
  generation,  // from before or after a restart
  address,     // a source that does not exist, or meant for another rank
  length,      // lengths that contradict what arrived
  refused,     // a good envelope, but the receiver would not take it: no memory, or a header that makes no sense
};
inline constexpr std::size_t num_drops = num_enumerators<Drop>();
std::string_view drop_name(Drop drop);

struct Envelope {
  std::uint16_t version = envelope_version;
  std::uint32_t generation = 0;
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint64_t payload_bytes = 0;
};

// What a receiver checks envelopes against.
struct EnvelopeFilter {
  std::array<SipKey, 2> keys;
  std::uint32_t generation = 0;
  std::uint32_t rank = 0;
  std::uint32_t num_ranks = 0;
};

using EnvelopeImage = std::array<std::byte, envelope_bytes + max_header_bytes>;

// Writes envelope and header; returns the number of bytes to send. The header is at most max_header_bytes long.
std::size_t write_envelope(const std::array<SipKey, 2>& keys, const Envelope& envelope,
                           std::span<const std::byte> header, EnvelopeImage& image);

// Reads what arrived with a payload of `payload_bytes`: fills `envelope` and `header` (a part of `image`) and returns
// nothing, or says why the message has to be dropped. Proofs are compared in constant time.
std::optional<Drop> read_envelope(const EnvelopeFilter& filter, std::span<const std::byte> image,
                                  std::uint64_t payload_bytes, Envelope& envelope, std::span<const std::byte>& header);

}  // namespace dsrun
