// From files to microbatches: D-1, each sample once an epoch in one global order, and what is wrong with files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <sys/stat.h>

#include "runtime/data/loader.hpp"
#include "runtime/data/order.hpp"
#include "runtime/data/sources/source.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<const TokenSource> opened(const std::vector<std::string>& patterns, const std::string& folder,
                                          int length, double validation = 0) {
  return open_source({.files = patterns, .validation_fraction = validation}, folder, length, 1);
}

std::string fault(const std::vector<std::string>& patterns, const std::string& folder, int length = 4,
                  double validation = 0) {
  try {
    opened(patterns, folder, length, validation);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

// Bytes that tell their place, so that a wrong one shows.
std::string numbered(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>((i * 7 + i / 256) & 255);
  return text;
}

Job batch_job(int sequences, int length, int data, int microbatches) {
  Job job;
  job.run.seed = 17;
  job.batch = {sequences, length, microbatches};
  job.parallel.data = data;
  return job;
}

TEST(SampleOrder, D1_visits_each_sample_once_an_epoch) {
  for (const std::int64_t count : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 255, 257, 1000, 1024, 1025, 4097})
    for (const std::int64_t epoch : {0, 1, 7}) {
      std::set<std::int64_t> seen;
      for (std::int64_t i = 0; i < count; ++i) seen.insert(sample_at(5, epoch * count + i, count));
      EXPECT_EQ(static_cast<std::int64_t>(seen.size()), count);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), count - 1);
    }
}

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t count) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < count; ++i) order.push_back(sample_at(seed, epoch * count + i, count));
  return order;
}

TEST(SampleOrder, changes_with_seed_and_epoch_only) {
  EXPECT_EQ(epoch_order(1, 3, 1000), epoch_order(1, 3, 1000));
  EXPECT_NE(epoch_order(1, 0, 1000), epoch_order(2, 0, 1000));
  EXPECT_NE(epoch_order(1, 0, 1000), epoch_order(1, 1, 1000));
  std::int64_t in_place = 0, neighbours = 0;
  const auto order = epoch_order(1, 0, 1000);
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    in_place += order[i] == static_cast<std::int64_t>(i);
    neighbours += order[i + 1] == order[i] + 1;
  }
  EXPECT_LT(in_place, 10);  // a shuffled order has about one
  EXPECT_LT(neighbours, 10);
}

// The sequences of a step in global order, as a mesh reads them.
std::vector<std::string> step_sequences(const BatchLoader& loader, const Job& job, std::int64_t step) {
  std::vector<std::string> all;
  SequenceBatch batch;
  for (int d = 0; d < job.parallel.data; ++d)
    for (int m = 0; m < job.batch.microbatches; ++m) {
      loader.train_microbatch(step, d, m, batch);
      for (int s = 0; s < batch.sequences; ++s) {
        std::string text;
        for (int i = 0; i < batch.length; ++i) {
          const auto at = static_cast<std::size_t>(s * batch.length + i);
          text += static_cast<char>(batch.tokens[at]);
          EXPECT_EQ(batch.mask[at], 1);
          if (i + 1 < batch.length) {
            EXPECT_EQ(batch.targets[at], batch.tokens[at + 1]);
          }
        }
        all.push_back(text + static_cast<char>(batch.targets[static_cast<std::size_t>((s + 1) * batch.length - 1)]));
      }
    }
  return all;
}

TEST(BatchLoader, D1_the_order_is_that_of_every_mesh) {
  const TemporaryFolder folder;
  write_text(folder / "text", numbered(1000));
  const auto corpus = opened({"text"}, folder.path(), 7);
  const Job reference = batch_job(24, 7, 1, 1);
  for (const auto& [data, microbatches] : {std::pair{1, 24}, {2, 3}, {4, 2}, {3, 8}, {24, 1}}) {
    const Job job = batch_job(24, 7, data, microbatches);
    for (const std::int64_t step : {0, 1, 5, 6})
      EXPECT_EQ(step_sequences(BatchLoader(job, corpus), job, step),
                step_sequences(BatchLoader(reference, corpus), reference, step))
          << data << " data ranks, " << microbatches << " microbatches";
  }
}

TEST(BatchLoader, D1_an_epoch_reads_each_sample_once_across_steps) {
  const TemporaryFolder folder;
  const std::string text = numbered(8 * 30 + 3);  // 30 samples of 8 tokens, two bytes left over
  write_text(folder / "text", text);
  const Job job = batch_job(6, 8, 3, 2);
  const BatchLoader loader(job, opened({"text"}, folder.path(), 8));
  EXPECT_EQ(loader.num_training_samples(), 30);
  EXPECT_EQ(loader.predicted_tokens(0), 48);
  for (const std::int64_t epoch : {0, 1}) {
    std::multiset<std::string> read, expected;
    for (std::int64_t step = epoch * 5; step < epoch * 5 + 5; ++step)
      for (const std::string& sequence : step_sequences(loader, job, step)) read.insert(sequence);
    for (std::size_t sample = 0; sample < 30; ++sample) expected.insert(text.substr(sample * 8, 9));
    EXPECT_EQ(read, expected);
  }
}

TEST(BatchLoader, never_trains_on_the_validation_part) {
  const TemporaryFolder folder;
  write_text(folder / "text", std::string(80, 'a') + std::string(20, 'b'));
  const Job job = batch_job(8, 5, 1, 1);
  const BatchLoader loader(job, opened({"text"}, folder.path(), 5, 0.2));
  EXPECT_EQ(loader.num_training_samples(), 15);  // the target of a 16th would be a byte of the validation part
  for (std::int64_t step = 0; step < 4; ++step)
    for (const std::string& sequence : step_sequences(loader, job, step)) EXPECT_EQ(sequence, "aaaaaa");
}

TEST(BatchLoader, validates_each_token_once_and_masks_the_rest) {
  const TemporaryFolder folder;
  const std::string text = numbered(400);
  write_text(folder / "text", text);
  for (const auto& [data, microbatches] : {std::pair{1, 1}, {2, 2}, {4, 1}}) {
    const Job job = batch_job(4, 6, data, microbatches);
    const BatchLoader loader(job, opened({"text"}, folder.path(), 6, 0.25));
    EXPECT_EQ(loader.validation_tokens(), 99);
    EXPECT_EQ(loader.num_validation_batches(), 5);  // 24 tokens each
    std::string tokens, targets;
    std::size_t padding = 0;
    SequenceBatch batch;
    for (std::int64_t b = 0; b < 5; ++b)
      for (int d = 0; d < data; ++d)
        for (int m = 0; m < microbatches; ++m) {
          loader.validation_microbatch(b, d, m, batch);
          for (std::size_t i = 0; i < batch.mask.size(); ++i) {
            if (batch.mask[i] == 0) {
              ++padding;
              continue;
            }
            EXPECT_EQ(padding, 0u) << "padding comes last";
            tokens += static_cast<char>(batch.tokens[i]);
            targets += static_cast<char>(batch.targets[i]);
          }
        }
    EXPECT_EQ(tokens, text.substr(300, 99));
    EXPECT_EQ(targets, text.substr(301, 99));
    EXPECT_EQ(padding, 5u * 24 - 99);
  }
}

// Depth k's targets are k further ahead. Training sequences reach over their ends, the validation part ends sooner.
TEST(BatchLoader, gives_every_prediction_depth_its_targets) {
  const TemporaryFolder folder;
  const std::string text = numbered(400);
  write_text(folder / "text", text);
  Job job = batch_job(4, 6, 2, 2);
  job.model.mtp_depth = 2;
  const auto corpus = opened({"text"}, folder.path(), 6, 0.25);
  const BatchLoader loader(job, corpus);
  EXPECT_EQ(loader.num_training_samples(), (300 - 3) / 6);
  EXPECT_EQ(loader.validation_targets(2), 97);
  SequenceBatch batch;
  std::array<std::string, 3> targets;
  for (std::int64_t b = 0; b < loader.num_validation_batches(); ++b)
    for (const auto& [d, m] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}}) {
      loader.train_microbatch(b, d, m, batch);
      ASSERT_EQ(batch.targets.size(), 3 * batch.positions());
      const auto begin = static_cast<std::size_t>(loader.training_sample(b, 2 * d + m)) * 6;
      for (std::size_t depth = 0; depth < 3; ++depth)
        for (std::size_t i = 0; i < 6; ++i) {
          EXPECT_EQ(batch.mask[depth * 6 + i], 1);
          EXPECT_EQ(batch.targets[depth * 6 + i], static_cast<std::uint8_t>(text[begin + i + 1 + depth]));
        }
      loader.validation_microbatch(b, d, m, batch);
      for (std::size_t at = 0; at < batch.targets.size(); ++at)
        if (batch.mask[at] != 0) targets[at / batch.positions()] += static_cast<char>(batch.targets[at]);
    }
  for (std::size_t depth = 0; depth < 3; ++depth) EXPECT_EQ(targets[depth], text.substr(301 + depth));
}

TEST(BatchLoader, never_trains_on_the_validation_part_at_any_depth) {
  const TemporaryFolder folder;
  write_text(folder / "text", std::string(80, 'a') + std::string(20, 'b'));
  Job job = batch_job(8, 5, 1, 1);
  job.model.mtp_depth = 4;
  const BatchLoader loader(job, opened({"text"}, folder.path(), 5, 0.2));
  EXPECT_EQ(loader.num_training_samples(), 15);  // 15 · 5 + 1 + 4 = 80
  SequenceBatch batch;
  for (std::int64_t step = 0; step < 4; ++step) {
    loader.train_microbatch(step, 0, 0, batch);
    EXPECT_EQ(std::count(batch.targets.begin(), batch.targets.end(), 'a'), 8 * 5 * 5);
  }
}

TEST(Corpus, joins_files_in_order_of_path_each_once) {
  const TemporaryFolder folder;
  write_text(folder / "b.txt", "second");
  write_text(folder / "a.txt", "first ");
  write_text(folder / "c.log", " third");
  const auto corpus = opened({"c.log", "*.txt", "a*"}, folder.path(), 4);
  ASSERT_EQ(corpus->size(), 18);
  std::vector<std::int32_t> tokens(18);
  corpus->copy(0, 18, tokens.data());
  EXPECT_EQ(std::string(tokens.begin(), tokens.end()), "first second third");
  EXPECT_EQ(corpus->num_documents(), 3);
  EXPECT_EQ(corpus->document(1).begin, 6);
  EXPECT_EQ(corpus->document(1).end, 12);
  std::vector<std::int32_t> across(4);
  corpus->copy(10, 4, across.data());
  EXPECT_EQ(std::string(across.begin(), across.end()), "nd t");
}

TEST(Corpus, reads_any_byte_as_its_value) {
  const TemporaryFolder folder;
  write_text(folder / "text", std::string("\xff\x00\x80\xc3\xa9", 5));
  std::vector<std::int32_t> tokens(5);
  opened({"text"}, folder.path(), 4)->copy(0, 5, tokens.data());
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{255, 0, 128, 195, 169}));
}

TEST(Corpus, takes_the_folder_by_its_letters_and_absolute_paths_as_they_are) {
  const TemporaryFolder folder;
  const std::string odd = folder / "run [1] *?";
  std::filesystem::create_directory(odd);
  write_text(odd + "/text.txt", "hello");
  EXPECT_EQ(opened({"*.txt"}, odd, 4)->size(), 5);
  write_text(folder / "plain", "absolute");
  EXPECT_EQ(opened({folder / "plain"}, "/nowhere", 4)->size(), 8);
}

TEST(Corpus, says_which_file_is_wrong) {
  const TemporaryFolder folder;
  EXPECT_THAT(fault({}, folder.path()), HasSubstr("data.files"));
  write_text(folder / "good", "long enough");
  EXPECT_EQ(fault({"good"}, folder.path()), "");
  EXPECT_EQ(fault({"good", "*.missing"}, folder.path()),
            "no file matches \"*.missing\" (looked in " + folder.path() + ")");
  EXPECT_EQ(fault({"/nowhere/*.txt"}, folder.path()), "no file matches \"/nowhere/*.txt\"");
  write_text(folder / "empty", "");
  EXPECT_THAT(fault({"empty"}, folder.path()), AllOf(HasSubstr("no file can be used"), HasSubstr("the file is empty")));
  std::filesystem::create_directory(folder / "sub");
  EXPECT_THAT(fault({"sub"}, folder.path()), HasSubstr(folder / "sub: not a regular file"));
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  EXPECT_THAT(fault({"dang*"}, folder.path()), HasSubstr(folder / "dangling: No such file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(fault({"pipe"}, folder.path()), HasSubstr(folder / "pipe: not a regular file"));
}

TEST(Corpus, skips_files_without_text_unless_it_is_strict) {
  const TemporaryFolder folder;
  write_text(folder / "a", "");
  write_text(folder / "b", "long enough");
  write_text(folder / "c.gz", "\x1f\x8b\x08 and so on");
  DataSpec data{.files = {"*"}};
  std::vector<std::string> notes;
  EXPECT_EQ(open_source(data, folder.path(), 4, 1, &notes)->size(), 11);
  EXPECT_THAT(notes, ElementsAre("skipped once: the file is empty (" + (folder / "a") + ")",
                                 HasSubstr("skipped once: the file is compressed by gzip")));
  data.strict = true;
  EXPECT_THROW(open_source(data, folder.path(), 4, 1), DataError);
  std::filesystem::remove(folder / "a");
  std::filesystem::remove(folder / "c.gz");
  EXPECT_EQ(open_source(data, folder.path(), 4, 1, &notes)->size(), 11);
  EXPECT_THAT(notes, testing::IsEmpty());
}

TEST(Corpus, needs_one_sequence_and_its_last_target) {
  const TemporaryFolder folder;
  write_text(folder / "short", "1234");
  EXPECT_EQ(fault({"short"}, folder.path(), 3), "");
  EXPECT_THAT(fault({"short"}, folder.path(), 4), HasSubstr("short: 4 tokens"));
  EXPECT_THAT(fault({"short"}, folder.path(), 3, 0.5), HasSubstr("short: 2 tokens"));
}

}  // namespace
}  // namespace dsrun
