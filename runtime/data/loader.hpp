// BatchLoader: which tokens every microbatch holds; the same global order whatever the mesh (D-1). Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "dsl/job.hpp"
#include "models/recipe.hpp"
#include "runtime/data/packing.hpp"
#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

// T = sequences × length positions. With multi-token prediction targets and mask have a plane of T a depth: depth k's
// targets are k further ahead, and its inputs those of depth k − 1. Training sequences that are cut from one stream
// overlap by those tokens, so that every depth predicts T; packed ones, and the end of the validation part, have k
// fewer at depth k.
struct SequenceBatch {
  int sequences = 0;
  int length = 0;
  std::vector<std::int32_t> tokens;   // [T]
  std::vector<std::int32_t> targets;  // [depths × T]: the token after each, …
  std::vector<std::uint8_t> mask;     // [depths × T]; 0: padding, counts nowhere
  std::size_t positions() const { return tokens.size(); }
};

class BatchLoader {
 public:
  // `start`: where a resumed run goes on in the order of samples.
  BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source, RecipeStart start = {});

  // The same text from `start` on.
  BatchLoader resumed(const Job& job, RecipeStart start) const { return {job, source_, packing_, start}; }

  // `microbatch` counts over both directions. Sequence j of microbatch m of data rank d is sequence (d · microbatches +
  // m) · size + j of the step's global batch. `microbatches` is the number in this step, `size` the sequences of a
  // microbatch.
  void train_microbatch(std::int64_t step, int data_rank, int microbatch, SequenceBatch& out) const;
  // The validation part in order, evaluated whole: its last sequences are padded and masked.
  void validation_microbatch(std::int64_t batch, int data_rank, int microbatch, SequenceBatch& out) const;

  std::uint64_t text_fingerprint() const;  // runtime/data/fingerprint.hpp
  std::int64_t num_training_samples() const { return training_samples_; }
  std::int64_t num_validation_batches() const;
  std::int64_t validation_tokens() const { return validation_targets(0); }
  // Targets of the validation part that a prediction depth has; 0: the main model's.
  std::int64_t validation_targets(int depth) const { return std::max<std::int64_t>(0, validation_tokens_ - depth); }
  // Targets that count in a step's global batch; 0: the main model's.
  std::int64_t predicted_tokens(std::int64_t step, int depth = 0) const;

  const Recipe& recipe() const { return recipe_; }
  // The sample that is sequence `index` of a step's global batch.
  std::int64_t training_sample(std::int64_t step, std::int64_t index) const;

 private:
  BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source, std::shared_ptr<const Packing> packing,
              RecipeStart start);
  std::int64_t global_index(int num_microbatches, int data_rank, int microbatch, int sequence) const;
  std::int64_t window() const { return length_ + 1 + mtp_depth_; }  // tokens that a sequence reads
  void fill(std::span<const TokenRange> pieces, int row, SequenceBatch& out) const;
  void prepare(SequenceBatch& out) const;

  std::shared_ptr<const TokenSource> source_;
  std::shared_ptr<const Packing> packing_;  // null: sequences are cut from the stream
  Recipe recipe_;
  std::uint64_t seed_;
  int sequences_;  // of a global batch
  int length_;
  int mtp_depth_;
  int microbatches_;
  int microbatch_sequences_;
  std::int64_t training_samples_;
  std::int64_t validation_tokens_;
};

}  // namespace dsrun
