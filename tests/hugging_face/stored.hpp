// Safetensors bytes made by hand, right ones and wrong ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/state/safetensors/header.hpp"

namespace dsrun::test {

// A file with this header, whatever it says, and data bytes 0, 1, 2, …
inline std::string stored_file(std::string_view header, std::size_t data_size, std::uint64_t claimed_length) {
  std::string bytes(sizeof claimed_length, '\0');
  std::memcpy(bytes.data(), &claimed_length, sizeof claimed_length);
  bytes += header;
  for (std::size_t i = 0; i < data_size; ++i) bytes += static_cast<char>(i);
  return bytes;
}
inline std::string stored_file(std::string_view header, std::size_t data_size) {
  return stored_file(header, data_size, header.size());
}

inline std::vector<SafetensorsTensor> parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "weights.safetensors");
}

// {"tensor", "message"} of what `action` throws; both empty: it throws no SafetensorsError.
struct Refusal {
  std::string tensor;
  std::string message;
};
template <class Action>
Refusal refusal_of(const Action& action) {
  try {
    action();
  } catch (const SafetensorsError& error) {
    return {error.tensor(), error.what()};
  }
  return {};
}

}  // namespace dsrun::test
