// A committed reference of tests/fixtures/parity: a small model with what transformers computed from it, and the same
// model here, on any mesh.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/device/pretrained.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

class ReferenceModel {
 public:
  explicit ReferenceModel(const std::string& name);

  const std::string& name() const { return name_; }
  const Pretrained& pretrained() const { return pretrained_; }
  int sequences() const { return sequences_; }
  int length() const { return length_; }
  std::span<const std::int32_t> tokens(int sequence) const;
  double loss() const { return values("loss")[0]; }
  std::vector<float> values(const std::string& tensor) const;  // of expected.safetensors

  // One training step from these weights; losses and gradients by the files' names, the mean over predicted tokens.
  struct Step {
    double loss;
    std::map<std::string, std::vector<double>> gradients;
  };
  Step train_step(const std::vector<std::string>& overrides) const;

 private:
  class Batch;
  std::string name_;
  Pretrained pretrained_;
  SafetensorsFile expected_;
  int sequences_ = 0, length_ = 0;
  std::vector<std::int32_t> tokens_, targets_;
};

std::vector<std::string> reference_model_names();  // the folders there are, sorted

}  // namespace dsrun::test
