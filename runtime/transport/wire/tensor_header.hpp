// The header of a TensorMessage on the wire: the device that it is for, the fields of its Tag, its times. It has 56
// bytes, little-endian; integers are two's complement.
//
//   0 destination i32 | generation u32 | round u64 | traffic u8 | pass u8 | hop u8 | port u8 | stage i32
//  24 direction i32 | microbatch i32 | node i32 | source i32 | sent_ns i64 | arrives_ns i64
//
// A loan sends the place of a tensor instead of the tensor: the same 56 bytes, then the place of the sender's arena and
// of the tensor in it. It has 104 bytes in all and no payload:
//
//  56 pid i32 | descriptor i32 | nonce u64 | arena's bytes u64 | offset u64 | bytes u64 | number of the loan u64
//
// The header of an answer to loans has 8 bytes: 0 given back, 1 refused (u64). Its payload is the loans' numbers (u64).
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

inline constexpr std::size_t loan_header_bytes = 104;

struct LoanHeader {
  TensorHeader tensor;
  ArenaSource source;
  std::uint64_t offset = 0;
  std::uint64_t num_bytes = 0;
  std::uint64_t number = 0;
  bool operator==(const LoanHeader&) const = default;
};

inline constexpr std::size_t answer_header_bytes = 8;
enum class LoanAnswer : std::uint8_t { returned, refused };

std::array<std::byte, tensor_header_bytes> write_tensor_header(const TensorHeader& header);
// nullopt: the length is wrong, an enumerator does not exist, or a rank, stage or similar number is negative.
std::optional<TensorHeader> read_tensor_header(std::span<const std::byte> bytes);

std::array<std::byte, loan_header_bytes> write_loan_header(const LoanHeader& header);
std::optional<LoanHeader> read_loan_header(std::span<const std::byte> bytes);

std::array<std::byte, answer_header_bytes> write_answer_header(LoanAnswer answer);
std::optional<LoanAnswer> read_answer_header(std::span<const std::byte> bytes);

}  // namespace dsrun
