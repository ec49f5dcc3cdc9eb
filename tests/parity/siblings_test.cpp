// N-3 for models of other names with the same arithmetic, and for odd settings of YaRN: logits equal transformers'.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "runtime/device/local_model.hpp"
#include "tests/parity/reference_model.hpp"

namespace dsrun::test {
namespace {

class Sibling : public testing::TestWithParam<std::string> {};

TEST_P(Sibling, N3_logits_equal_those_of_transformers) {
  const ReferenceModel reference(GetParam());
  const std::vector<float> expected = reference.values("logits");
  LocalModel model(reference.pretrained(), {.precision = Precision::fp32, .longest = reference.length()});
  double largest = 0;
  std::size_t at = 0;
  for (int sequence = 0; sequence < reference.sequences(); ++sequence)
    for (const float logit : model.logits(reference.tokens(sequence)))
      largest = std::max(largest, std::abs(static_cast<double>(logit) - expected.at(at++)));
  EXPECT_EQ(at, expected.size());
  fmt::print("N-3 {:<40} fp32 logits {:.1e}\n", reference.name(), largest);
  EXPECT_LE(largest, 1e-4);
  EXPECT_TRUE(reference.pretrained().notes.empty() || GetParam().find("yarn") != std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Models, Sibling, testing::ValuesIn(reference_model_names("siblings")),
                         [](const auto& reference) { return reference.param.substr(reference.param.find('/') + 1); });

}  // namespace
}  // namespace dsrun::test
