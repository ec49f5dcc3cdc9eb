#include "runtime/data/loader.hpp"

#include <algorithm>

#include "runtime/data/fingerprint.hpp"
#include "runtime/data/order.hpp"

namespace dsrun {

BatchLoader::BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source, RecipeStart start)
    : source_(std::move(source)),
      recipe_(job, start),
      seed_(job.run.seed),
      sequences_(job.batch.sequences),
      length_(job.batch.length),
      mtp_depth_(job.model.mtp_depth),
      microbatches_(job.batch.microbatches),
      microbatch_sequences_(job.batch.microbatch_sequences(job.parallel.data)),
      training_samples_((source_->training_size() - 1 - mtp_depth_) / length_),
      validation_tokens_(std::max<std::int64_t>(0, source_->size() - source_->training_size() - 1)) {}

std::int64_t BatchLoader::global_index(int num_microbatches, int data_rank, int microbatch, int sequence) const {
  return (static_cast<std::int64_t>(data_rank) * num_microbatches + microbatch) * microbatch_sequences_ + sequence;
}

std::int64_t BatchLoader::training_sample(std::int64_t step, std::int64_t index) const {
  return sample_at(seed_, recipe_.samples_before(step) + index, training_samples_);
}

std::int64_t BatchLoader::predicted_tokens(std::int64_t step) const { return recipe_.sequences(step) * length_; }

std::uint64_t BatchLoader::text_fingerprint() const { return fingerprint(*source_); }

std::int64_t BatchLoader::num_validation_batches() const {
  const std::int64_t per_batch = static_cast<std::int64_t>(sequences_) * length_;
  return (validation_tokens_ + per_batch - 1) / per_batch;
}

void BatchLoader::prepare(SequenceBatch& out) const {
  out.sequences = microbatch_sequences_;
  out.length = length_;
  const auto positions = static_cast<std::size_t>(microbatch_sequences_) * static_cast<std::size_t>(length_);
  out.tokens.assign(positions, 0);
  out.targets.assign(positions * static_cast<std::size_t>(mtp_depth_ + 1), 0);
  out.mask.assign(out.targets.size(), 0);
}

// Row `row` becomes tokens from `begin` with the tokens after them as targets, at most `targets_left` of these; the
// rest stays padding.
void BatchLoader::fill(std::int64_t begin, std::int64_t targets_left, int row, SequenceBatch& out) const {
  for (int depth = 0; depth <= mtp_depth_; ++depth) {
    const std::int64_t predicted = std::clamp<std::int64_t>(targets_left - depth, 0, length_);
    if (predicted == 0) break;
    const auto in_plane = static_cast<std::ptrdiff_t>(row) * length_;
    const auto at = in_plane + depth * static_cast<std::ptrdiff_t>(out.positions());
    if (depth == 0) source_->copy(begin, predicted, out.tokens.data() + in_plane);
    source_->copy(begin + 1 + depth, predicted, out.targets.data() + at);
    std::fill_n(out.mask.begin() + at, predicted, std::uint8_t{1});
  }
}

void BatchLoader::train_microbatch(std::int64_t step, int data_rank, int microbatch, SequenceBatch& out) const {
  prepare(out);
  for (int row = 0; row < microbatch_sequences_; ++row)
    fill(training_sample(step, global_index(recipe_.microbatches(step), data_rank, microbatch, row)) * length_,
         length_ + mtp_depth_, row, out);
}

void BatchLoader::validation_microbatch(std::int64_t batch, int data_rank, int microbatch, SequenceBatch& out) const {
  prepare(out);
  for (int row = 0; row < microbatch_sequences_; ++row) {
    const std::int64_t first = (batch * sequences_ + global_index(microbatches_, data_rank, microbatch, row)) * length_;
    fill(source_->training_size() + first, validation_tokens_ - first, row, out);
  }
}

}  // namespace dsrun
