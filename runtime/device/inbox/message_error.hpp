// MessageError: a message that the plan of its receiver does not foresee, and what is wrong with it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "cluster/plan.hpp"
#include "runtime/device/message.hpp"

namespace dsrun {

// The lengths that a message may have, in bytes; both ends are included.
struct ByteRange {
  std::int64_t least = 0, most = 0;
  bool contains(std::int64_t num_bytes) const { return least <= num_bytes && num_bytes <= most; }
  bool operator==(const ByteRange&) const = default;
};

// what() names the kind of message, its stage, layer, microbatch and sender, and the fault.
class MessageError : public std::runtime_error {
 public:
  MessageError(const Plan& plan, const Tag& tag, const std::string& fault);
  // The message has a wrong length.
  MessageError(const Plan& plan, const Tag& tag, ByteRange expected, std::int64_t received_bytes);

  const Tag& tag() const { return tag_; }
  ByteRange expected() const { return expected_; }                 // {0, 0} unless the length is wrong
  std::int64_t received_bytes() const { return received_bytes_; }  // 0 unless the length is wrong

 private:
  Tag tag_;
  ByteRange expected_;
  std::int64_t received_bytes_ = 0;
};

}  // namespace dsrun
