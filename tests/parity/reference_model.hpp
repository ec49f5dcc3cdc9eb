// A committed reference of tests/fixtures: a small model with what torch computed from it, and the same model here, on
// any mesh.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/device/parameters/pretrained.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

class ReferenceModel {
 public:
  explicit ReferenceModel(const std::string& name);  // "parity/mesh", "mtp/depth_1"

  const std::string& name() const { return name_; }
  const Pretrained& pretrained() const { return pretrained_; }
  int sequences() const { return sequences_; }
  int length() const { return length_; }
  std::span<const std::int32_t> tokens(int sequence) const;
  double loss() const;                                   // of the main model
  std::vector<double> mtp_loss() const;                  // of each prediction depth
  std::vector<std::int32_t> stream(int sequence) const;  // tokens and what comes after them, as far as it is known
  std::vector<float> values(const std::string& tensor) const;  // of expected.safetensors

  // One training step from these weights; losses, and gradients by the files' names, means over predicted tokens.
  struct OpStep {
    double loss;
    std::vector<double> mtp_loss;
    std::map<std::string, std::vector<double>> gradients;
  };
  OpStep train_step(const std::vector<std::string>& overrides) const;

 private:
  class Batch;
  std::string name_;
  Pretrained pretrained_;
  SafetensorsFile expected_;
  int sequences_ = 0, length_ = 0;
  std::vector<std::vector<std::int32_t>> ahead_;  // by how many tokens: [sequences × length] of them
};

// The names of the folders in tests/fixtures/KIND, sorted.
std::vector<std::string> reference_model_names(const std::string& kind);

}  // namespace dsrun::test
