// N-3 for multi-token prediction: logits and loss of every depth, and every gradient of the weighted sum, equal those
// of a torch reference that was written from the paper's equations (tests/fixtures/make_mtp.py). Prints a table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

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

// One sequence's first tokens, all of it validation.
class Sequence : public TokenSource {
 public:
  Sequence(std::vector<std::int32_t> tokens, int size) : tokens_(std::move(tokens)) {
    tokens_.resize(static_cast<std::size_t>(size));
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t training_size() const override { return 0; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    ASSERT_LE(position + count, size());
    std::copy_n(tokens_.begin() + position, count, tokens);
  }

 private:
  std::vector<std::int32_t> tokens_;
};

class MtpParity : public testing::TestWithParam<std::string> {
 protected:
  const ReferenceModel reference_{GetParam()};
};

TEST_P(MtpParity, N3_logits_of_every_depth_equal_those_of_the_papers_equations) {
  const int depths = reference_.pretrained().config.model.mtp_depth;
  ASSERT_GE(depths, 1);
  LocalModel model(reference_.pretrained(), {.longest = reference_.length() + 1 + depths, .prediction_modules = true});
  for (int depth = 0; depth <= depths; ++depth) {
    const auto expected = reference_.values(depth == 0 ? "logits" : fmt::format("logits_mtp_{}", depth));
    const std::vector<float> actual = logits_of(reference_, model, depth);
    ASSERT_EQ(actual.size(), expected.size());
    const double largest = largest_difference(actual, expected);
    fmt::print("N-3 {:<18} depth {} logits {:.1e}\n", reference_.name(), depth, largest);
    EXPECT_LE(largest, 1e-4);
  }
}

// A text that ends with the main model's last target: depth k has k targets fewer (expected_truncated).
TEST_P(MtpParity, N3_truncated_losses_equal_those_of_the_papers_equations) {
  const SafetensorsFile truncated =
      SafetensorsFile::open(reference_.pretrained().folder + "/expected_truncated.safetensors");
  const auto expected = [&](const std::string& name) {
    float value = 0;
    std::memcpy(&value, truncated.find(name)->bytes.data(), sizeof value);
    return double{value};
  };
  LocalModel model(reference_.pretrained(), {.longest = reference_.length(), .prediction_modules = true});
  const int depths = reference_.pretrained().config.model.mtp_depth;
  std::vector<double> sums(static_cast<std::size_t>(depths) + 1);
  std::vector<std::int64_t> counts(sums.size());
  std::int64_t drafted = 0, accepted = 0, agreed = 0;
  for (int s = 0; s < reference_.sequences(); ++s) {
    const Evaluation one = model.evaluate(std::make_shared<Sequence>(reference_.stream(s), reference_.length() + 1));
    sums[0] += one.loss_sum;
    counts[0] += one.tokens;
    ASSERT_EQ(one.mtp.size(), static_cast<std::size_t>(depths));
    for (std::size_t k = 1; k < sums.size(); ++k) {
      sums[k] += one.mtp[k - 1].loss_sum;
      counts[k] += one.mtp[k - 1].tokens;
    }
    drafted += one.drafted;
    accepted += one.accepted;
    const auto likeliest = [&](int depth, int position) {
      const std::vector<float> logits = model.logits(reference_.tokens(s), 0, depth);
      const auto vocab = static_cast<std::ptrdiff_t>(logits.size()) / reference_.length();
      const auto row = logits.begin() + position * vocab;
      return std::max_element(row, row + vocab) - row;
    };
    for (int i = 0; i + 1 < reference_.length(); ++i) agreed += likeliest(1, i) == likeliest(0, i + 1) ? 1 : 0;
  }
  for (std::size_t k = 0; k < sums.size(); ++k) {
    EXPECT_EQ(counts[k], reference_.sequences() * (reference_.length() - static_cast<int>(k)));
    const double loss = expected(k == 0 ? "loss_main" : fmt::format("loss_mtp_{}", k));
    EXPECT_NEAR(sums[k] / static_cast<double>(counts[k]), loss, 1e-5 * loss) << "depth " << k;
  }
  EXPECT_EQ(drafted, reference_.sequences() * (reference_.length() - 1));
  EXPECT_EQ(accepted, agreed);
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
