// The safetensors format: 8 bytes of header length (little-endian), a JSON header that says every tensor's type, shape
// and byte range, and the tensors' bytes end to end. Pure functions over memory; everything in a file is checked here
// before it is used:
//
//   F-1  the header lies within the file and within 100 MB, and is one JSON object in UTF-8
//   F-2  every tensor has exactly dtype, shape and data_offsets, a known type, and no other tensor has its name
//   F-3  its shape's product is its byte range, without overflow
//   F-4  the ranges cover the data: within it, no two overlap, no byte between or after them
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/state/safetensors/dtype.hpp"
#include "runtime/state/safetensors/error.hpp"

namespace dsrun {

inline constexpr std::uint64_t longest_safetensors_header = 100'000'000;  // the format's own limit
inline constexpr std::size_t most_safetensors_dims = 32;

struct SafetensorsShape {  // all of a tensor but its bytes
  std::string name;
  SafetensorsDtype dtype = SafetensorsDtype::f32;
  std::vector<std::int64_t> dims;
  bool operator==(const SafetensorsShape&) const = default;
};
// Bytes of a tensor; throws SafetensorsError if its elements or bits are beyond 2^63, or bits end within a byte.
std::uint64_t num_bytes(const SafetensorsShape& shape, const std::string& file);

struct SafetensorsTensor : SafetensorsShape {
  std::span<const std::byte> bytes;  // row-major, little-endian; aligned only if the writer cared
  std::int64_t size() const;         // elements
};

// The tensors of a whole file, in the order of their bytes. Throws SafetensorsError naming `file`.
std::vector<SafetensorsTensor> parse_safetensors(std::span<const std::byte> contents, const std::string& file);

// Length and header for tensors whose bytes follow in this order; padded with spaces to a multiple of 8 bytes.
std::string make_safetensors_header(std::span<const SafetensorsShape> tensors, const std::string& file);

}  // namespace dsrun
