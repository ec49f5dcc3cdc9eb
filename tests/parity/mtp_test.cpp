// N-3 for multi-token prediction: logits and loss of every depth, and every gradient of the weighted sum, equal those
// of a torch reference that was written from the paper's equations (tests/fixtures/make_mtp.py). Prints a table.
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "runtime/device/local_model.hpp"
#include "tests/parity/reference_model.hpp"

namespace dsrun::test {
namespace {

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

// Logits of one depth at the first `length` positions of every sequence.
std::vector<float> logits_of(const ReferenceModel& reference, LocalModel& model, int depth) {
  std::vector<float> all;
  const auto positions = static_cast<std::size_t>(reference.length());
  for (int s = 0; s < reference.sequences(); ++s) {
    std::vector<float> logits = model.logits(reference.stream(s), 0, depth);
    const std::size_t vocab = logits.size() / reference.stream(s).size();
    all.insert(all.end(), logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(positions * vocab));
  }
  return all;
}

void expect_equal_step(const ReferenceModel& reference, const std::string& mesh,
                       const std::vector<std::string>& overrides) {
  const ReferenceModel::Step step = reference.train_step(overrides);
  double loss = std::abs(step.loss - reference.loss()) / reference.loss();
  const std::vector<double> expected_losses = reference.mtp_loss();
  ASSERT_EQ(step.mtp_loss.size(), expected_losses.size());
  for (std::size_t k = 0; k < expected_losses.size(); ++k)
    loss = std::max(loss, std::abs(step.mtp_loss[k] - expected_losses[k]) / expected_losses[k]);
  Tensors expected, actual = step.gradients;
  for (const auto& [name, values] : step.gradients) {
    const std::vector<float> theirs = reference.values("grad." + name);
    expected[name].assign(theirs.begin(), theirs.end());
  }
  const Difference gradient = worst_difference(expected, actual);
  fmt::print("N-3 {:<18} {:<18} loss {:.1e}  gradients {:.1e} ({})\n", reference.name(), mesh, loss, gradient.relative,
             gradient.tensor);
  EXPECT_LE(loss, 1e-5);
  EXPECT_LE(gradient.relative, 1e-3) << gradient.tensor;
}

class MtpParity : public testing::TestWithParam<std::string> {
 protected:
  const ReferenceModel reference_{GetParam()};
};

TEST_P(MtpParity, N3_logits_of_every_depth_equal_those_of_the_papers_equations) {
  const int depths = reference_.pretrained().config.model.mtp_depth;
  ASSERT_GE(depths, 1);
  LocalModel model(reference_.pretrained(), {.longest = reference_.length() + 1 + depths});
  for (int depth = 0; depth <= depths; ++depth) {
    const auto expected = reference_.values(depth == 0 ? "logits" : fmt::format("logits_mtp_{}", depth));
    const std::vector<float> actual = logits_of(reference_, model, depth);
    ASSERT_EQ(actual.size(), expected.size());
    const double largest = largest_difference(actual, expected);
    fmt::print("N-3 {:<18} depth {} logits {:.1e}\n", reference_.name(), depth, largest);
    EXPECT_LE(largest, 1e-4);
  }
}

TEST_P(MtpParity, N3_losses_and_gradients_equal_those_of_the_papers_equations) {
  expect_equal_step(reference_, "one device, fp32", {});
  expect_equal_step(reference_, "one device, fp64", {"precision.compute=fp64"});
}

TEST(MtpParityOfMeshes, N3_holds_on_every_mesh_and_schedule) {
  const ReferenceModel reference("mtp/depth_1_mesh");
  const auto expect_equal = [&](const std::string& name, std::vector<std::string> overrides) {
    overrides.push_back("model.layers=3");
    expect_equal_step(reference, name, overrides);
  };
  expect_equal("P2 D2 E2 DualPipe", {"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2",
                                     "parallel.expert=2", "batch.microbatches=4"});
  expect_equal("P2 D2 E1 1F1B", {"parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"});
  expect_equal("P3 1F1B", {"parallel.pipeline=3", "batch.microbatches=4"});
  expect_equal("D4 E4", {"parallel.data=4", "parallel.expert=4"});
}

INSTANTIATE_TEST_SUITE_P(Models, MtpParity, testing::ValuesIn(reference_model_names("mtp")),
                         [](const auto& model) { return model.param.substr(model.param.find('/') + 1); });

}  // namespace
}  // namespace dsrun::test
