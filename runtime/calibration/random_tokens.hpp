// RandomTokens: a stream of tokens without a file, for jobs whose times count and whose loss does not.
#pragma once

#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

class RandomTokens : public TokenSource {
 public:
  RandomTokens(int vocab_size, std::int64_t size) : vocab_size_(vocab_size), size_(size) {}
  std::int64_t size() const override { return size_; }
  std::int64_t training_size() const override { return size_; }
  std::int32_t vocab_size() const override { return vocab_size_; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    for (std::int64_t i = 0; i < count; ++i)
      tokens[i] = static_cast<std::int32_t>(mixed(static_cast<std::uint64_t>(position + i)) %
                                            static_cast<std::uint64_t>(vocab_size_));
  }

 private:
  static std::uint64_t mixed(std::uint64_t x) {  // SplitMix64
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  int vocab_size_;
  std::int64_t size_;
};

}  // namespace dsrun
