// The header of a TensorMessage on the wire: which device it is for, its Tag field by field, its times. 56 bytes,
// little endian; integers are two's complement.
//
//   0 destination i32 | generation u32 | round u64 | traffic u8 | pass u8 | zero u16 | stage i32 | direction i32
//  28 microbatch i32 | node i32 | source i32 | sent_ns i64 | arrives_ns i64
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "runtime/device/message.hpp"

namespace dsrun {

inline constexpr std::size_t tensor_header_bytes = 56;

struct TensorHeader {
  int destination = 0;  // rank of a device
  Tag tag;
  std::int64_t sent_ns = 0;
  std::int64_t arrives_ns = 0;
  bool operator==(const TensorHeader&) const = default;
};

std::array<std::byte, tensor_header_bytes> write_tensor_header(const TensorHeader& header);
// Nothing: wrong length, an enumerator that does not exist, or a negative rank, stage or the like.
std::optional<TensorHeader> read_tensor_header(std::span<const std::byte> bytes);

}  // namespace dsrun
