#include "runtime/transport/wire/envelope.hpp"

#include <cassert>
#include <cstring>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

struct Fixed {  // the first 32 bytes
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint32_t generation;
  std::uint32_t source;
  std::uint32_t destination;
  std::uint32_t zero;
  std::uint64_t payload_bytes;
};
static_assert(sizeof(Fixed) == 32 && std::has_unique_object_representations_v<Fixed>);

using Proof = std::array<std::uint64_t, 2>;
static_assert(sizeof(Fixed) + sizeof(Proof) == envelope_bytes);

Proof make_proof(const std::array<SipKey, 2>& keys, const Fixed& fixed, std::span<const std::byte> header) {
  std::array<std::byte, sizeof fixed + max_header_bytes> input;
  std::memcpy(input.data(), &fixed, sizeof fixed);
  if (!header.empty()) std::memcpy(input.data() + sizeof fixed, header.data(), header.size());
  const std::span<const std::byte> covered(input.data(), sizeof fixed + header.size());
  return {sip_hash(keys[0], covered), sip_hash(keys[1], covered)};
}

bool equal_in_constant_time(const Proof& a, const Proof& b) { return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0; }

}  // namespace

std::string_view drop_name(Drop drop) {
  constexpr EnumNames<Drop, num_drops> names({{Drop::foreign, "foreign"},
                                              {Drop::version, "wrong version"},
                                              {Drop::proof, "wrong secret"},
                                              {Drop::generation, "wrong generation"},
                                              {Drop::address, "wrong rank"},
                                              {Drop::length, "wrong length"},
                                              {Drop::refused, "refused"}});
  return names[drop];
}

std::size_t write_envelope(const std::array<SipKey, 2>& keys, const Envelope& envelope,
                           std::span<const std::byte> header, EnvelopeImage& image) {
  assert(header.size() <= max_header_bytes);
  const Fixed fixed{envelope_magic,
                    envelope.version,
                    static_cast<std::uint16_t>(header.size()),
                    envelope.generation,
                    envelope.source,
                    envelope.destination,
                    0,
                    envelope.payload_bytes};
  const Proof proof = make_proof(keys, fixed, header);
  std::memcpy(image.data(), &fixed, sizeof fixed);
  std::memcpy(image.data() + sizeof fixed, proof.data(), sizeof proof);
  if (!header.empty()) std::memcpy(image.data() + envelope_bytes, header.data(), header.size());
  return envelope_bytes + header.size();
}

std::optional<Drop> read_envelope(const EnvelopeFilter& filter, std::span<const std::byte> image,
                                  std::uint64_t payload_bytes, Envelope& envelope, std::span<const std::byte>& header) {
  if (image.size() < envelope_bytes || image.size() > sizeof(EnvelopeImage)) return Drop::foreign;
  Fixed fixed;
  Proof proof;
  std::memcpy(&fixed, image.data(), sizeof fixed);
  std::memcpy(proof.data(), image.data() + sizeof fixed, sizeof proof);
  if (fixed.magic != envelope_magic) return Drop::foreign;
  if (fixed.version != envelope_version) return Drop::version;
  const auto rest = image.subspan(envelope_bytes);
  if (!equal_in_constant_time(make_proof(filter.keys, fixed, rest), proof)) return Drop::proof;
  if (fixed.generation != filter.generation) return Drop::generation;
  if (fixed.source >= filter.num_ranks || fixed.destination != filter.rank) return Drop::address;
  if (fixed.header_bytes != rest.size() || fixed.payload_bytes != payload_bytes || fixed.zero != 0) return Drop::length;
  envelope = {fixed.version, fixed.generation, fixed.source, fixed.destination, fixed.payload_bytes};
  header = rest;
  return std::nullopt;
}

}  // namespace dsrun
