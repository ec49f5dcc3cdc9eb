#include "runtime/data/loader.hpp"

#include <algorithm>

#include "runtime/data/fingerprint.hpp"
#include "runtime/data/order.hpp"

namespace dsrun {

namespace {

std::shared_ptr<const Packing> pack(const Job& job, const TokenSource& source) {
  if (job.data.packing == PackingKind::stream) return nullptr;
  return std::make_shared<const Packing>(source, job.batch.length + 1 + job.model.mtp_depth);
}

}  // namespace

BatchLoader::BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source, RecipeStart start)
    : BatchLoader(job, source, pack(job, *source), start) {}

BatchLoader::BatchLoader(const Job& job, std::shared_ptr<const TokenSource> source,
                         std::shared_ptr<const Packing> packing, RecipeStart start)
    : source_(std::move(source)),
      packing_(std::move(packing)),
      recipe_(job, start),
      seed_(job.run.seed),
      sequences_(job.batch.sequences),
      length_(job.batch.length),
      mtp_depth_(job.model.mtp_depth),
      microbatches_(job.batch.microbatches),
      microbatch_sequences_(job.batch.microbatch_sequences(job.parallel.data)),
      training_samples_(packing_ ? packing_->num_sequences() : (source_->training_size() - 1 - mtp_depth_) / length_),
      validation_tokens_(std::max<std::int64_t>(0, source_->size() - source_->training_size() - 1)) {}

std::int64_t BatchLoader::global_index(int num_microbatches, int data_rank, int microbatch, int sequence) const {
  return (static_cast<std::int64_t>(data_rank) * num_microbatches + microbatch) * microbatch_sequences_ + sequence;
}

std::int64_t BatchLoader::training_sample(std::int64_t step, std::int64_t index) const {
  return sample_at(seed_, recipe_.samples_before(step) + index, training_samples_);
}

std::int64_t BatchLoader::predicted_tokens(std::int64_t step, int depth) const {
  const std::int64_t sequences = recipe_.sequences(step);
  if (!packing_) return sequences * length_;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < sequences; ++i)
    sum += std::clamp<std::int64_t>(packing_->num_tokens(training_sample(step, i)) - 1 - depth, 0, length_);
  return sum;
}

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

// Row `row` becomes the pieces' tokens, one after the other, with the tokens after them as targets; the rest stays
// padding.
void BatchLoader::fill(std::span<const TokenRange> pieces, int row, SequenceBatch& out) const {
  thread_local std::vector<std::int32_t> tokens;
  tokens.resize(static_cast<std::size_t>(window()));
  std::int64_t size = 0;
  for (const TokenRange& piece : pieces) {
    source_->copy(piece.begin, piece.size(), tokens.data() + size);
    size += piece.size();
  }
  const auto in_plane = static_cast<std::ptrdiff_t>(row) * length_;
  for (int depth = 0; depth <= mtp_depth_; ++depth) {
    const std::int64_t predicted = std::clamp<std::int64_t>(size - 1 - depth, 0, length_);
    const auto at = in_plane + depth * static_cast<std::ptrdiff_t>(out.positions());
    if (depth == 0) std::copy_n(tokens.begin(), predicted, out.tokens.begin() + in_plane);
    if (predicted > 0) std::copy_n(tokens.begin() + 1 + depth, predicted, out.targets.begin() + at);
    std::fill_n(out.mask.begin() + at, predicted, std::uint8_t{1});
  }
}

void BatchLoader::train_microbatch(std::int64_t step, int data_rank, int microbatch, SequenceBatch& out) const {
  prepare(out);
  for (int row = 0; row < microbatch_sequences_; ++row) {
    const std::int64_t sample =
        training_sample(step, global_index(recipe_.microbatches(step), data_rank, microbatch, row));
    if (packing_) {
      fill(packing_->pieces(sample), row, out);
    } else {
      const TokenRange range{sample * length_, sample * length_ + window()};
      fill({&range, 1}, row, out);
    }
  }
}

void BatchLoader::validation_microbatch(std::int64_t batch, int data_rank, int microbatch, SequenceBatch& out) const {
  prepare(out);
  for (int row = 0; row < microbatch_sequences_; ++row) {
    const std::int64_t first = (batch * sequences_ + global_index(microbatches_, data_rank, microbatch, row)) * length_;
    if (first >= validation_tokens_) continue;
    const std::int64_t begin = source_->training_size() + first;
    const TokenRange range{begin, std::min(begin + window(), source_->size())};
    fill({&range, 1}, row, out);
  }
}

}  // namespace dsrun
