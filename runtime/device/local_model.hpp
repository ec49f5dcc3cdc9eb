// LocalModel: a whole model on one device of this process, forward only: what generation and comparisons with a
// reference need.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/device/device_core.hpp"
#include "runtime/device/pretrained.hpp"

namespace dsrun {

class LocalModel {
 public:
  // Throws StorageError. `longest`: tokens that a forward pass may have.
  LocalModel(const Pretrained& pretrained, Precision precision, int longest);
  ~LocalModel();

  // Logits of positions [first, tokens.size()): [positions × vocabulary], row-major. 1 ≤ tokens.size() ≤ longest.
  std::vector<float> logits(std::span<const std::int32_t> tokens, std::size_t first = 0);

 private:
  class Prompt;
  std::shared_ptr<Prompt> prompt_;
  std::unique_ptr<DeviceCore> core_;
  std::uint64_t round_ = 0;
};

}  // namespace dsrun
