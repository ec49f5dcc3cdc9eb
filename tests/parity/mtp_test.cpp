// N-3 for multi-token prediction: logits and loss of every depth, and every gradient of the weighted sum, equal those
// of a torch reference that was written from the paper's equations (tests/fixtures/make_mtp.py). Prints a table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "runtime/device/local_model.hpp"
#include "runtime/state/safetensors/writer.hpp"
#include "tests/parity/reference_model.hpp"
#include "tests/runtime/temporary_folder.hpp"

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
  const ReferenceModel::OpStep step = reference.train_step(overrides);
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

// A copy of a reference's folder with the tensors that `keeps` says.
class PartOfModel {
 public:
  PartOfModel(const ReferenceModel& reference, const std::function<bool(const std::string&)>& keeps) {
    const std::filesystem::path from = reference.pretrained().folder;
    std::filesystem::copy_file(from / "config.json", folder_ / "config.json");
    const SafetensorsFile file = SafetensorsFile::open((from / "model.safetensors").string());
    std::vector<SafetensorsShape> shapes;
    std::vector<const SafetensorsTensor*> kept;
    for (const SafetensorsTensor& tensor : file.tensors())
      if (keeps(tensor.name)) {
        shapes.push_back({tensor.name, tensor.dtype, tensor.dims});
        kept.push_back(&tensor);
      }
    write_safetensors_model(folder_.path(), shapes, std::uint64_t{1} << 40,
                            [&](std::size_t index, const PutBytes& put) { put(kept[index]->bytes); });
  }
  Pretrained open() const { return open_pretrained(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

bool is_copy(const std::string& name) {
  return name.ends_with("shared_head.head.weight") ||
         (name.ends_with("embed_tokens.weight") && name != "model.embed_tokens.weight");
}

TEST(MtpFiles, are_read_whole_and_need_no_copies_of_embedding_and_head) {
  const ReferenceModel reference("mtp/depth_2");
  EXPECT_EQ(reference.pretrained().notes, std::vector<std::string>{});
  const Pretrained part = PartOfModel(reference, [](const std::string& name) { return !is_copy(name); }).open();
  EXPECT_EQ(part.config.model.mtp_depth, 2);
  const LocalOptions options{.longest = reference.length() + 3, .prediction_modules = true};
  LocalModel whole(reference.pretrained(), options), without(part, options);
  for (int depth = 0; depth <= 2; ++depth)
    EXPECT_EQ(whole.logits(reference.stream(0), 0, depth), without.logits(reference.stream(0), 0, depth));
}

TEST(MtpFiles, without_modules_are_a_model_without) {
  const ReferenceModel reference("mtp/depth_1");
  const std::string layer = fmt::format("model.layers.{}.", reference.pretrained().config.model.layers);
  const Pretrained part =
      PartOfModel(reference, [&](const std::string& name) { return !name.starts_with(layer); }).open();
  EXPECT_EQ(part.config.model.mtp_depth, 0);
  ASSERT_EQ(part.notes.size(), 1U);
  EXPECT_NE(part.notes[0].find("the files hold none"), std::string::npos);
  const Pretrained torn =
      PartOfModel(reference, [](const std::string& name) { return name.find("eh_proj") == std::string::npos; }).open();
  EXPECT_EQ(torn.config.model.mtp_depth, 0);
  EXPECT_NE(torn.notes[0].find("eh_proj"), std::string::npos);
}

// A job may have more modules than the files, or fewer.
TEST(MtpFiles, start_a_job_with_another_number_of_modules) {
  const ReferenceModel reference("mtp/depth_1");
  const Pretrained& from = reference.pretrained();
  for (const int depth : {0, 2}) {
    ModelSpec model = from.config.model;
    model.mtp_depth = depth;
    EXPECT_EQ(differences(from.config.model, model), std::vector<std::string>{});
    EXPECT_EQ(load_biases(from, model).size(), static_cast<std::size_t>(model.moe_layers()));
    LocalModel other(model, {.longest = reference.length() + 2, .prediction_modules = true}, [&](DeviceCore& core) {
      load_weights(from, core.parameters());
      core.set_biases(load_biases(from, model));
    });
    LocalModel same(from, {.longest = reference.length() + 2, .prediction_modules = true});
    EXPECT_EQ(other.logits(reference.stream(0)), same.logits(reference.stream(0)));
    if (depth == 0) continue;
    EXPECT_EQ(other.logits(reference.stream(0), 0, 1), same.logits(reference.stream(0), 0, 1));
    EXPECT_FALSE(other.logits(reference.stream(0), 0, 2).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MtpParity, testing::ValuesIn(reference_model_names("mtp")),
                         [](const auto& model) { return model.param.substr(model.param.find('/') + 1); });

}  // namespace
}  // namespace dsrun::test
