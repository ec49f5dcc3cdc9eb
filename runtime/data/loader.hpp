// BatchLoader: which tokens every microbatch holds; the same global order whatever the mesh (D-1). Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dsl/job.hpp"
#include "runtime/data/token_source.hpp"

namespace dsrun {

struct SequenceBatch {
  int sequences = 0;
  int length = 0;
  std::vector<std::int32_t> tokens;   // [sequences × length]
  std::vector<std::int32_t> targets;  // the token after each
  std::vector<std::uint8_t> mask;     // 0: padding, counts nowhere
};

class BatchLoader {
 public:
  BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source);

  // `microbatch` counts over both directions. Sequence j of microbatch m of data rank d is sequence
  // (d · microbatches + m) · size + j of the step's global batch.
  void train_microbatch(std::int64_t step, int data_rank, int microbatch, SequenceBatch& out) const;
  // The validation part in order, evaluated whole: its last sequences are padded and masked.
  void validation_microbatch(std::int64_t batch, int data_rank, int microbatch, SequenceBatch& out) const;

  std::uint64_t text_fingerprint() const;  // runtime/data/fingerprint.hpp
  std::int64_t num_training_samples() const { return training_samples_; }
  std::int64_t num_validation_batches() const;
  std::int64_t validation_tokens() const { return validation_tokens_; }
  std::int64_t predicted_tokens(std::int64_t step) const;  // targets that count in a step's global batch

  // The sample that is sequence `index` of a step's global batch.
  std::int64_t training_sample(std::int64_t step, std::int64_t index) const;

 private:
  std::int64_t global_index(int data_rank, int microbatch, int sequence) const;
  void fill(std::int64_t begin, std::int64_t predicted, int row, SequenceBatch& out) const;
  void prepare(SequenceBatch& out) const;

  std::shared_ptr<const TokenSource> source_;
  std::uint64_t seed_;
  int sequences_;  // of a global batch
  int length_;
  int microbatches_;
  int microbatch_sequences_;
  std::int64_t training_samples_;
  std::int64_t validation_tokens_;
};

}  // namespace dsrun
