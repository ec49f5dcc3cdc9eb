// What is done to documents before sequences are made of them: fill-in-the-middle and packing, and that both give every
// mesh the same order and a resumed run its place.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "runtime/data/fim.hpp"
#include "runtime/data/loader.hpp"
#include "runtime/data/packing.hpp"

namespace dsrun {
namespace {

using Tokens = std::vector<std::int32_t>;
constexpr FimTokens fim_tokens = {1000010, 1000020, 1000030};
constexpr std::int32_t end_of_document = -1000;

// Documents in memory; every token tells its place.
class Documents : public TokenSource {
 public:
  Documents(const std::vector<std::int64_t>& sizes, std::int64_t training_documents, bool with_ends) {
    for (const std::int64_t size : sizes) {
      for (std::int64_t i = 0; i < size; ++i)
        tokens_.push_back(with_ends && i + 1 == size ? end_of_document : static_cast<std::int32_t>(tokens_.size()));
      begins_.push_back(static_cast<std::int64_t>(tokens_.size()));
    }
    training_ = begins_[static_cast<std::size_t>(training_documents)];
    ends_ = with_ends;
  }
  std::int64_t size() const override { return begins_.back(); }
  std::int64_t training_size() const override { return training_; }
  std::int64_t num_documents() const override { return static_cast<std::int64_t>(begins_.size()) - 1; }
  TokenRange document(std::int64_t index) const override {
    return {begins_[static_cast<std::size_t>(index)], begins_[static_cast<std::size_t>(index) + 1]};
  }
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override {
    ASSERT_GE(position, 0);
    ASSERT_LE(position + count, size());
    std::copy_n(tokens_.begin() + position, count, tokens);
  }
  std::int32_t end_token() const override { return ends_ ? 0 : -1; }

 private:
  Tokens tokens_;
  std::vector<std::int64_t> begins_ = {0};
  std::int64_t training_;
  bool ends_;
};

std::vector<std::int64_t> random_sizes(std::size_t count, std::int64_t most, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int64_t> sizes(count);
  for (std::int64_t& size : sizes) size = static_cast<std::int64_t>(random() % static_cast<unsigned>(most + 1));
  return sizes;
}

Tokens copied(const TokenSource& source, TokenRange range) {
  Tokens tokens(static_cast<std::size_t>(range.size()));
  source.copy(range.begin, range.size(), tokens.data());
  return tokens;
}

// The document that was told so; what it was told from, or nothing if it is not of that form.
Tokens untold(Tokens told, bool with_ends) {
  Tokens end;
  if (with_ends) {
    end = {told.back()};
    told.pop_back();
  }
  const auto hole = std::find(told.begin(), told.end(), fim_tokens.hole);
  const auto middle = std::find(told.begin(), told.end(), fim_tokens.end);
  if (told.empty() || told.front() != fim_tokens.begin || hole > middle || middle == told.end()) return {};
  Tokens plain(told.begin() + 1, hole);
  plain.insert(plain.end(), middle + 1, told.end());
  plain.insert(plain.end(), hole + 1, middle);
  plain.insert(plain.end(), end.begin(), end.end());
  return plain;
}

TEST(FimSource, tells_a_share_of_the_documents_as_prefix_suffix_middle) {
  for (const bool with_ends : {true, false}) {
    const auto plain = std::make_shared<const Documents>(random_sizes(600, 30, 1), 500, with_ends);
    const FimSource source(plain, 0.3, fim_tokens, 5);
    std::int64_t cut = 0, candidates = 0;
    std::set<std::size_t> prefixes;
    for (std::int64_t i = 0; i < 600; ++i) {
      const Tokens expected = copied(*plain, plain->document(i)), told = copied(source, source.document(i));
      candidates += i < 500 && expected.size() >= (with_ends ? 3 : 2) ? 1 : 0;
      cut += source.is_cut(i) && i < 500 ? 1 : 0;
      if (i >= 500 || !source.is_cut(i)) {
        EXPECT_EQ(told, expected) << i;
      } else {
        EXPECT_EQ(untold(told, with_ends), expected) << i;
        prefixes.insert(static_cast<std::size_t>(std::find(told.begin(), told.end(), fim_tokens.hole) - told.begin()));
      }
    }
    EXPECT_EQ(source.size(), plain->size() + 3 * cut);
    EXPECT_EQ(source.training_size(), plain->training_size() + 3 * cut);
    EXPECT_NEAR(static_cast<double>(cut) / static_cast<double>(candidates), 0.3, 0.06);
    EXPECT_GT(prefixes.size(), 15u);  // cut anywhere
  }
}

TEST(FimSource, reads_any_stretch_like_the_whole) {
  const auto plain = std::make_shared<const Documents>(random_sizes(60, 12, 2), 50, true);
  const FimSource source(plain, 0.5, fim_tokens, 5);
  const Tokens whole = copied(source, {0, source.size()});
  for (std::int64_t begin = 0; begin < source.size(); begin += 7)
    for (const std::int64_t size : {0, 1, 2, 5, 40}) {
      const std::int64_t end = std::min(begin + size, source.size());
      ASSERT_EQ(copied(source, {begin, end}), Tokens(whole.begin() + begin, whole.begin() + end)) << begin;
    }
}

TEST(FimSource, depends_on_seed_and_rate) {
  const auto plain = std::make_shared<const Documents>(std::vector<std::int64_t>(200, 10), 200, true);
  const auto told = [&](double rate, std::uint64_t seed) {
    const FimSource source(plain, rate, fim_tokens, seed);
    return copied(source, {0, source.size()});
  };
  EXPECT_EQ(told(0.5, 1), told(0.5, 1));
  EXPECT_NE(told(0.5, 1), told(0.5, 2));
  EXPECT_EQ(told(1, 1).size(), 200u * 13);
  EXPECT_EQ(told(0, 1), copied(*plain, {0, plain->size()}));
}

TEST(Packing, puts_every_training_token_in_one_sequence_and_cuts_only_what_is_too_long) {
  for (const std::int64_t most : {5, 40, 300}) {
    const Documents source(random_sizes(400, most, 3), 350, true);
    constexpr std::int64_t capacity = 64;
    const Packing packing(source, capacity);
    std::vector<int> times(static_cast<std::size_t>(source.training_size()));
    std::map<std::int64_t, std::int64_t> pieces_of;  // by the begin of the document
    for (std::int64_t sequence = 0; sequence < packing.num_sequences(); ++sequence) {
      std::int64_t size = 0;
      for (const TokenRange& piece : packing.pieces(sequence)) {
        size += piece.size();
        ASSERT_GT(piece.size(), 0);
        for (std::int64_t at = piece.begin; at < piece.end; ++at) ++times[static_cast<std::size_t>(at)];
      }
      EXPECT_EQ(size, packing.num_tokens(sequence));
      EXPECT_LE(size, capacity);
    }
    EXPECT_EQ(std::count(times.begin(), times.end(), 1), source.training_size());
    for (std::int64_t document = 0; document < 350; ++document) {
      const TokenRange range = source.document(document);
      if (range.size() > 0) pieces_of[range.begin] = (range.size() + capacity - 1) / capacity;
    }
    std::map<std::int64_t, std::int64_t> found;
    for (std::int64_t sequence = 0; sequence < packing.num_sequences(); ++sequence)
      for (const TokenRange& piece : packing.pieces(sequence))
        ++found[std::prev(pieces_of.upper_bound(piece.begin))->first];
    EXPECT_EQ(found, pieces_of);
    const std::int64_t least = (source.training_size() + capacity - 1) / capacity;
    EXPECT_LE(packing.num_sequences(), least + least / 5 + 1) << "most " << most;
  }
}

TEST(Packing, finds_the_fullest_sequence_that_has_room) {
  // 6 and 4 fill one sequence, 7 and 3 another.
  const Documents source({6, 7, 3, 4}, 4, false);
  const Packing packing(source, 10);
  ASSERT_EQ(packing.num_sequences(), 2);
  EXPECT_EQ(packing.num_tokens(0), 10);
  EXPECT_EQ(packing.num_tokens(1), 10);
}

Job packed_job(int data, int microbatches, int mtp_depth = 0) {
  Job job;
  job.run.seed = 17;
  job.run.steps = 20;
  job.batch = {12, 16, microbatches};
  job.parallel.data = data;
  job.model.mtp_depth = mtp_depth;
  job.data.packing = PackingKind::best_fit;
  return job;
}

// What a step reads, in global order: inputs, targets and mask of each sequence.
std::vector<Tokens> step_of(const BatchLoader& loader, const Job& job, std::int64_t step) {
  std::vector<Tokens> all;
  SequenceBatch batch;
  for (int d = 0; d < job.parallel.data; ++d)
    for (int m = 0; m < job.batch.microbatches; ++m) {
      loader.train_microbatch(step, d, m, batch);
      const auto length = static_cast<std::size_t>(batch.length), planes = batch.targets.size() / batch.positions();
      for (std::size_t s = 0; s < static_cast<std::size_t>(batch.sequences); ++s) {
        Tokens& row = all.emplace_back();
        for (std::size_t i = 0; i < length; ++i) {
          row.push_back(batch.tokens[s * length + i]);
          for (std::size_t plane = 0; plane < planes; ++plane) {
            const std::size_t at = plane * batch.positions() + s * length + i;
            row.push_back(batch.targets[at]);
            row.push_back(batch.mask[at]);
          }
        }
      }
    }
  return all;
}

TEST(BatchLoader, D1_packed_documents_come_in_the_same_order_on_every_mesh) {
  const auto source = std::make_shared<const FimSource>(
      std::make_shared<const Documents>(random_sizes(400, 40, 4), 380, true), 0.2, fim_tokens, 17);
  const Job reference = packed_job(1, 1, 1);
  const BatchLoader one(reference, source);
  for (const auto& [data, microbatches] : {std::pair{1, 12}, {2, 3}, {4, 1}, {3, 4}}) {
    const Job job = packed_job(data, microbatches, 1);
    const BatchLoader loader(job, source);
    for (const std::int64_t step : {0, 3, 30}) EXPECT_EQ(step_of(loader, job, step), step_of(one, reference, step));
  }
}

TEST(BatchLoader, a_packed_epoch_predicts_every_token_that_has_one_before_it) {
  const auto source = std::make_shared<const Documents>(random_sizes(300, 50, 5), 280, true);
  for (const int depth : {0, 2}) {
    const Job job = packed_job(2, 3, depth);
    const BatchLoader loader(job, source);
    const Packing packing(*source, 16 + 1 + depth);
    ASSERT_EQ(loader.num_training_samples(), packing.num_sequences());
    SequenceBatch batch;
    for (std::int64_t step = 0; step < 5; ++step) {
      std::vector<std::int64_t> counted(static_cast<std::size_t>(depth) + 1), expected(counted.size());
      for (int d = 0; d < 2; ++d)
        for (int m = 0; m < 3; ++m) {
          loader.train_microbatch(step, d, m, batch);
          for (std::size_t at = 0; at < batch.mask.size(); ++at) counted[at / batch.positions()] += batch.mask[at];
        }
      for (std::int64_t i = 0; i < 12; ++i)
        for (std::size_t k = 0; k < expected.size(); ++k)
          expected[k] += std::clamp<std::int64_t>(
              packing.num_tokens(loader.training_sample(step, i)) - 1 - static_cast<std::int64_t>(k), 0, 16);
      EXPECT_EQ(counted, expected);
      for (int k = 0; k <= depth; ++k)
        EXPECT_EQ(loader.predicted_tokens(step, k), expected[static_cast<std::size_t>(k)]);
    }
  }
}

TEST(BatchLoader, a_resumed_run_goes_on_in_the_packed_order) {
  const auto source = std::make_shared<const Documents>(random_sizes(300, 30, 6), 290, true);
  const Job job = packed_job(2, 3);
  Job larger = packed_job(1, 6);
  larger.batch.sequences = 24;
  const BatchLoader straight(job, source);
  const BatchLoader resumed = straight.resumed(larger, {4, 48});
  std::vector<Tokens> two_steps = step_of(straight, job, 4), next = step_of(straight, job, 5);
  two_steps.insert(two_steps.end(), next.begin(), next.end());
  EXPECT_EQ(step_of(resumed, larger, 4), two_steps);
}

}  // namespace
}  // namespace dsrun
