#include "tests/parity/reference_model.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

namespace dsrun::test {
namespace {

const std::filesystem::path folder_of_all = std::filesystem::path(DSRUN_SOURCE_DIR) / "tests/fixtures";

template <class T>
std::vector<T> copy_of(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsTensor* tensor = file.find(name);
  if (tensor == nullptr) throw std::runtime_error(fmt::format("{}: no tensor {}", file.path(), name));
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

}  // namespace

// Each sequence is a document that fills a packed one.
class ReferenceModel::Batch : public TokenSource {
 public:
  explicit Batch(const ReferenceModel& of) {
    for (int sequence = 0; sequence < of.sequences(); ++sequence) {
      const std::vector<std::int32_t> stream = of.stream(sequence);
      tokens_.insert(tokens_.end(), stream.begin(), stream.end());
      length_ = static_cast<std::int64_t>(stream.size());
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t training_size() const override { return size(); }
  std::int64_t num_documents() const override { return size() / length_; }
  TokenRange document(std::int64_t index) const override { return {index * length_, (index + 1) * length_}; }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    std::copy_n(tokens_.begin() + position, count, tokens);
  }

 private:
  std::vector<std::int32_t> tokens_;
  std::int64_t length_ = 0;
};

// Tokens are [sequences × length] with targets beside them, or [sequences × (length + 1 + depths)] without.
ReferenceModel::ReferenceModel(const std::string& name)
    : name_(name),
      pretrained_(open_pretrained((folder_of_all / name).string())),
      expected_(SafetensorsFile::open(pretrained_.folder + "/expected.safetensors")) {
  const auto& dims = expected_.find("logits")->dims;
  sequences_ = static_cast<int>(dims[0]);
  length_ = static_cast<int>(dims[1]);
  const auto tokens = copy_of<std::int32_t>(expected_, "tokens");
  const auto width = static_cast<std::ptrdiff_t>(tokens.size()) / sequences_;
  for (std::ptrdiff_t first = 0; first + length_ <= width; ++first) {
    ahead_.emplace_back();
    for (int s = 0; s < sequences_; ++s)
      std::copy_n(tokens.begin() + s * width + first, length_, std::back_inserter(ahead_.back()));
  }
  if (width == length_) ahead_.push_back(copy_of<std::int32_t>(expected_, "targets"));
}

std::span<const std::int32_t> ReferenceModel::tokens(int sequence) const {
  const auto length = static_cast<std::size_t>(length_);
  return std::span(ahead_[0]).subspan(static_cast<std::size_t>(sequence) * length, length);
}

std::vector<std::int32_t> ReferenceModel::stream(int sequence) const {
  const auto known = tokens(sequence);
  std::vector<std::int32_t> all(known.begin(), known.end());
  const auto last = static_cast<std::size_t>((sequence + 1) * length_ - 1);
  for (std::size_t by = 1; by < ahead_.size(); ++by) all.push_back(ahead_[by][last]);
  return all;
}

double ReferenceModel::loss() const { return values(pretrained_.config.model.mtp_depth > 0 ? "loss_main" : "loss")[0]; }

std::vector<double> ReferenceModel::mtp_loss() const {
  std::vector<double> losses;
  for (int depth = 1; depth <= pretrained_.config.model.mtp_depth; ++depth)
    losses.push_back(values(fmt::format("loss_mtp_{}", depth))[0]);
  return losses;
}

std::vector<float> ReferenceModel::values(const std::string& tensor) const { return copy_of<float>(expected_, tensor); }

ReferenceModel::OpStep ReferenceModel::train_step(const std::vector<std::string>& overrides) const {
  const ModelSpec& model = pretrained_.config.model;
  std::vector<std::string> all = {"job.steps=1",
                                  "precision.compute=fp32",
                                  "optimizer.warmup_steps=0",
                                  "data.packing=best_fit",
                                  fmt::format("model.layers={}", model.layers),
                                  fmt::format("model.dense_layers={}", model.dense_layers),
                                  fmt::format("model.experts={}", model.experts),
                                  fmt::format("model.expert_groups={}", model.expert_groups),
                                  fmt::format("model.groups_per_token={}", model.groups_per_token),
                                  fmt::format("model.experts_per_token={}", model.experts_per_token),
                                  fmt::format("batch.sequences={}", sequences_),
                                  fmt::format("batch.length={}", length_)};
  all.insert(all.end(), overrides.begin(), overrides.end());
  Job job = small_job(all);
  job.model = model;
  FakeClusterOptions options;
  options.start.biases = load_biases(pretrained_, job.model);
  FakeCluster cluster(job, std::make_shared<Batch>(*this), options);
  for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
    load_weights(pretrained_, cluster.device(rank).parameters());
    cluster.device(rank).set_biases(options.start.biases);
  }
  const FakeRun run = cluster.run();
  if (run.hung || run.losses.size() != 1) throw std::runtime_error("the step did not end");
  OpStep step{run.losses[0], run.steps[0].metrics.mtp_loss, {}};
  const Tensors gathered = cluster.gather_gradients();
  for (const HuggingFaceTensor& tensor : pretrained_.table.tensors()) {
    if (tensor.param.empty() || tensor.is_copy) continue;
    const auto from = gathered.at(tensor.param).begin() + tensor.begin;
    auto& gradient = step.gradients[tensor.name];
    std::transform(from, from + tensor.size, std::back_inserter(gradient),
                   [this](double sum) { return sum / static_cast<double>(ahead_[0].size()); });
  }
  return step;
}

std::vector<std::string> reference_model_names(const std::string& kind) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of_all / kind))
    names.push_back(kind + "/" + entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace dsrun::test
