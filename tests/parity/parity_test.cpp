// N-3: logits, loss and every gradient equal those of transformers' DeepseekV3 code on the same weights. Prints a
// table.
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/local_model.hpp"
#include "tests/parity/reference_model.hpp"

namespace dsrun::test {
namespace {

struct Distance {
  double largest = 0, rms = 0;
};

Distance distance(std::span<const float> a, std::span<const float> b) {
  Distance d;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double each = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    d.largest = std::max(d.largest, each);
    d.rms += each * each;
  }
  d.rms = std::sqrt(d.rms / static_cast<double>(a.size()));
  return d;
}

std::vector<float> all_logits(const ReferenceModel& reference, Precision precision) {
  LocalModel model(reference.pretrained(), {.precision = precision, .longest = reference.length()});
  std::vector<float> all;
  for (int s = 0; s < reference.sequences(); ++s) {
    const std::vector<float> logits = model.logits(reference.tokens(s));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// The largest ‖ours − theirs‖ / ‖theirs‖ of a parameter's gradient; where theirs is zero, ours must be.
Difference worst_gradient(const ReferenceModel& reference, const ReferenceModel::OpStep& step) {
  Tensors expected, actual = step.gradients;
  for (const auto& [name, values] : step.gradients) {
    const std::vector<float> theirs = reference.values("grad." + name);
    expected[name].assign(theirs.begin(), theirs.end());
  }
  return worst_difference(expected, actual);
}

class Parity : public testing::TestWithParam<std::string> {
 protected:
  const ReferenceModel reference_{GetParam()};
};

TEST_P(Parity, N3_logits_loss_and_gradients_equal_those_of_transformers) {
  const std::vector<float> expected = reference_.values("logits");
  const std::vector<float> actual = all_logits(reference_, Precision::fp32);
  ASSERT_EQ(actual.size(), expected.size());
  const double logits = distance(actual, expected).largest;
  const ReferenceModel::OpStep step = reference_.train_step({});
  const double loss = std::abs(step.loss - reference_.loss()) / reference_.loss();
  const Difference gradient = worst_gradient(reference_, step);
  fmt::print("N-3 {:<30} fp32 logits {:.1e}  loss {:.1e}  gradients {:.1e} ({})\n", reference_.name(), logits, loss,
             gradient.relative, gradient.tensor);
  EXPECT_LE(logits, 1e-4);
  EXPECT_LE(loss, 1e-5);
  EXPECT_LE(gradient.relative, 1e-3) << gradient.tensor;
}

struct Bf16Error {
  Distance ours, theirs;  // of bf16 logits from fp32 ones
};

Bf16Error bf16_error(const ReferenceModel& reference) {
  const std::vector<float> expected = reference.values("logits");
  return {distance(all_logits(reference, Precision::bf16), expected),
          distance(reference.values("logits_bf16"), expected)};
}

// Each rounds on its own way: of one model the one is nearer, of another the other.
TEST_P(Parity, N3_bf16_is_within_a_quarter_of_transformers_own_error) {
  if (!backend_for(cpu_kind).computes_in(Precision::bf16)) GTEST_SKIP() << "this processor has no bf16 instructions";
  const auto [ours, theirs] = bf16_error(reference_);
  fmt::print("N-3 {:<30} bf16 logits rms {:.1e} (transformers {:.1e})  largest {:.1e} ({:.1e})\n", reference_.name(),
             ours.rms, theirs.rms, ours.largest, theirs.largest);
  EXPECT_LE(ours.rms, 1.25 * theirs.rms);
}

TEST(ParityOfModels, N3_bf16_has_the_error_of_transformers_in_the_mean) {
  if (!backend_for(cpu_kind).computes_in(Precision::bf16)) GTEST_SKIP() << "this processor has no bf16 instructions";
  double logarithms = 0;
  const std::vector<std::string> names = reference_model_names("parity");
  for (const std::string& name : names) {
    const auto [ours, theirs] = bf16_error(ReferenceModel(name));
    logarithms += std::log(ours.rms / theirs.rms);
  }
  const double ratio = std::exp(logarithms / static_cast<double>(names.size()));
  fmt::print("N-3 {} models: bf16 logits' rms error over transformers', geometric mean {:.2f}\n", names.size(), ratio);
  EXPECT_LE(ratio, 1.05);
}

INSTANTIATE_TEST_SUITE_P(Models, Parity, testing::ValuesIn(reference_model_names("parity")),
                         [](const auto& reference) { return reference.param.substr(reference.param.find('/') + 1); });

TEST(ParityOfMeshes, N3_holds_on_every_mesh_and_schedule) {
  const ReferenceModel reference("parity/mesh");
  const std::vector<std::pair<const char*, std::vector<std::string>>> meshes = {
      {"P2 D2 E2 DualPipe",
       {"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2", "parallel.expert=2",
        "batch.microbatches=4"}},
      {"P4 DualPipe", {"parallel.schedule=dualpipe", "parallel.pipeline=4", "batch.microbatches=8"}},
      {"P2 D2 E1 1F1B", {"parallel.pipeline=2", "parallel.data=2", "batch.microbatches=4"}},
      {"D4 E4", {"parallel.data=4", "parallel.expert=4"}}};
  for (const auto& [name, overrides] : meshes) {
    const ReferenceModel::OpStep step = reference.train_step(overrides);
    const double loss = std::abs(step.loss - reference.loss()) / reference.loss();
    const Difference gradient = worst_gradient(reference, step);
    fmt::print("N-3 mesh: {:<24} fp32 loss {:.1e}  gradients {:.1e} ({})\n", name, loss, gradient.relative,
               gradient.tensor);
    EXPECT_LE(loss, 1e-5) << name;
    EXPECT_LE(gradient.relative, 1e-3) << name << ": " << gradient.tensor;
  }
}

}  // namespace
}  // namespace dsrun::test
