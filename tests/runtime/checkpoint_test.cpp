// a committed checkpoint loads, a torn one is never offered; whatever is damaged is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <numeric>

#include "runtime/state/checkpoint/checkpoint.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::HasSubstr;

struct Checkpoints : testing::Test {
  TemporaryFolder run;
  std::vector<float> master = std::vector<float>(37);
  std::vector<std::uint16_t> moment = std::vector<std::uint16_t>(50);

  Checkpoints() {
    std::iota(master.begin(), master.end(), 0.5f);
    std::iota(moment.begin(), moment.end(), std::uint16_t{300});
  }

  ShardFile write(std::int64_t step, int rank) {
    return write_shard(run.path(), step, rank,
                       {{{"a.weight/master", "f32", 100, 137}, master.data(), master.size() * sizeof(float)},
                        {{"b.weight/moment", "bf16", 0, 50}, moment.data(), moment.size() * 2}});
  }
  Manifest commit(std::int64_t step, int keep = 2) {
    const Manifest manifest{step,
                            manifest_text({{"name", "j\u00f6b"}}),
                            manifest_text({{"bias", {0.25, -1.5}}}),
                            {write(step, 0), write(step, 1)}};
    commit_checkpoint(run.path(), manifest, keep);
    return manifest;
  }
  std::string file(std::int64_t step, const std::string& name) const {
    return checkpoint_folder(run.path(), step) + "/" + name;
  }
  std::int64_t offered() const {
    const auto found = find_latest_checkpoint(run.path());
    return found ? found->step : -1;
  }
  std::string fault_of_opening(std::int64_t step, const ShardFile& shard) const {
    try {
      const ShardReader reader(run.path(), step, shard);
    } catch (const StorageError& error) {
      return error.what();
    }
    return "";
  }
};

void flip_bit(const std::string& path, std::size_t byte, int bit) {
  std::string text = read_text(path);
  text.at(byte) = static_cast<char>(text[byte] ^ (1 << bit));
  write_text(path, text);
}

TEST_F(Checkpoints, R1_read_back_what_was_written) {
  commit(120);
  const auto found = find_latest_checkpoint(run.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 120);
  EXPECT_EQ(json::parse(found->job), (json{{"name", "j\u00f6b"}}));
  EXPECT_EQ(json::parse(found->state), (json{{"bias", {0.25, -1.5}}}));
  ASSERT_EQ(found->shards.size(), 2u);
  for (const ShardFile& shard : found->shards) {
    const ShardReader reader(run.path(), 120, shard);
    ASSERT_EQ(reader.ranges().size(), 2u);
    EXPECT_EQ(reader.ranges()[0].name, "a.weight/master");
    EXPECT_EQ(reader.ranges()[0].dtype, "f32");
    EXPECT_EQ(reader.ranges()[0].begin, 100);
    EXPECT_EQ(reader.ranges()[0].end, 137);
    std::vector<float> floats(37);
    std::vector<std::uint16_t> halves(50);
    reader.read(1, halves.data(), 100);
    reader.read(0, floats.data(), 148);
    EXPECT_EQ(floats, master);
    EXPECT_EQ(halves, moment);
  }
}

TEST_F(Checkpoints, of_a_fresh_run_are_none) {
  EXPECT_FALSE(find_latest_checkpoint(run.path()));
  EXPECT_FALSE(find_latest_checkpoint(run / "nowhere"));
}

TEST_F(Checkpoints, the_newest_committed_is_offered) {
  commit(9);
  commit(10);
  EXPECT_EQ(offered(), 10);
  write(11, 0);
  write(11, 1);  // no manifest
  EXPECT_EQ(offered(), 10);
  write_text(file(11, "manifest.json.part"), read_text(file(10, "manifest.json")));
  EXPECT_EQ(offered(), 10);
}

TEST_F(Checkpoints, R1_a_torn_shard_is_not_offered) {
  commit(1);
  commit(2);
  const std::string shard = file(2, "rank-0001.shard");
  const std::string whole = read_text(shard);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
    fs::resize_file(shard, size);
    EXPECT_EQ(offered(), 1) << size << " bytes";
    write_text(shard, whole);
    EXPECT_EQ(offered(), 2);
  }
  fs::remove(shard);
  EXPECT_EQ(offered(), 1);
  fs::remove(file(1, "rank-0000.shard"));
  EXPECT_EQ(offered(), -1);
}

TEST_F(Checkpoints, R1_a_torn_manifest_is_not_offered) {
  commit(1);
  commit(2);
  const std::string path = file(2, "manifest.json");
  const std::string whole = read_text(path);
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    write_text(path, whole.substr(0, size));
    EXPECT_EQ(offered(), 1) << size << " bytes";
  }
}

// A bit between the words may change nothing; one that changes something is seen.
TEST_F(Checkpoints, R1_a_flipped_bit_in_the_manifest_changes_nothing_unseen) {
  commit(1);
  const Manifest committed = commit(2);
  const std::string path = file(2, "manifest.json");
  const std::string whole = read_text(path);
  std::size_t refused = 0;
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    flip_bit(path, byte, static_cast<int>(byte % 8));
    const auto found = find_latest_checkpoint(run.path());
    ASSERT_TRUE(found);
    if (found->step == 2) {
      EXPECT_EQ(found->job, committed.job);
      EXPECT_EQ(found->state, committed.state);
      EXPECT_EQ(found->shards.size(), committed.shards.size());
    } else {
      EXPECT_EQ(found->step, 1);
      ++refused;
    }
    write_text(path, whole);
  }
  EXPECT_GT(refused, whole.size() / 4);
}

TEST_F(Checkpoints, R1_writing_a_step_again_withdraws_it_first) {
  commit(1);
  const std::uint64_t committed = commit(2).shards[0].num_bytes;
  // The crash comes before rank 1 writes, and the sizes are those of the old manifest (hashes vary in digits).
  do {
    master[0] -= 1;
  } while (write(2, 0).num_bytes != committed);
  EXPECT_EQ(offered(), 1);
  commit(2);
  EXPECT_EQ(offered(), 2);
}

TEST_F(Checkpoints, a_flipped_bit_of_data_is_refused_by_name) {
  const ShardFile shard = commit(5).shards[1];
  const std::string path = file(5, shard.file);
  flip_bit(path, shard.num_bytes - 100 - 148 + 7, 3);  // the ranges lie at the end, in order
  const ShardReader reader(run.path(), 5, shard);
  std::vector<std::uint16_t> halves(50);
  reader.read(1, halves.data(), 100);
  EXPECT_EQ(halves, moment);
  std::vector<float> floats(37);
  try {
    reader.read(0, floats.data(), 148);
    FAIL() << "read damaged data";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path), HasSubstr("a.weight/master")));
  }
}

TEST_F(Checkpoints, a_read_of_another_size_is_refused) {
  const ShardFile shard = commit(5).shards[0];
  const ShardReader reader(run.path(), 5, shard);
  std::vector<float> floats(38);
  EXPECT_THROW(reader.read(0, floats.data(), 147), StorageError);
  EXPECT_THROW(reader.read(0, floats.data(), 152), StorageError);
}

TEST_F(Checkpoints, a_flipped_bit_of_the_header_is_refused) {
  const ShardFile shard = commit(5).shards[0];
  const std::string path = file(5, shard.file);
  for (std::size_t byte = 0; byte < shard.num_bytes - 248; ++byte) {
    flip_bit(path, byte, static_cast<int>(byte % 8));
    EXPECT_THAT(fault_of_opening(5, shard), HasSubstr(path)) << "byte " << byte;
    flip_bit(path, byte, static_cast<int>(byte % 8));
  }
  EXPECT_EQ(fault_of_opening(5, shard), "");
}

// A shard with a header of one's own, committed hash and all.
ShardFile craft(const std::string& path, const std::string& header, std::uint64_t length, std::size_t data_size) {
  std::string text = "dsrshd01";
  text.append(reinterpret_cast<const char*>(&length), sizeof length);
  text += header + std::string(data_size, 'x');
  write_text(path, text);
  return {fs::path(path).filename().string(), text.size(), hash_bytes(header.data(), header.size())};
}

TEST_F(Checkpoints, a_header_length_that_cannot_be_is_refused_before_memory_is_taken) {
  commit(5);
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{1} << 27, std::uint64_t{1} << 62, ~std::uint64_t{0}, ~std::uint64_t{0} - 15}) {
    const ShardFile shard = craft(file(5, "crafted.shard"), "[]", length, 0);
    EXPECT_THAT(fault_of_opening(5, shard), HasSubstr("crafted.shard: a header of")) << length;
  }
  EXPECT_EQ(fault_of_opening(5, craft(file(5, "crafted.shard"), "[]", 2, 0)), "");
}

json entry(const char* dtype, std::int64_t begin, std::int64_t end, std::uint64_t offset) {
  return {{"name", "t"}, {"dtype", dtype}, {"begin", begin}, {"end", end}, {"offset", offset}, {"hash", 0}};
}

TEST_F(Checkpoints, ranges_that_do_not_lie_end_to_end_are_refused) {
  commit(5);
  const auto fault = [&](const json& header) {
    const std::string text = header.dump();
    return fault_of_opening(5, craft(file(5, "crafted.shard"), text, text.size(), 32));
  };
  EXPECT_EQ(fault({entry("f32", 0, 4, 0), entry("f64", 6, 8, 16)}), "");
  const std::vector<json> wrong = {
      {entry("f32", 0, 4, 0), entry("f64", 6, 8, 12)},  // overlap
      {entry("f32", 0, 4, 0), entry("f64", 6, 7, 24)},  // gap
      {entry("f32", 0, 4, 4)},
      {entry("f32", 0, 9, 0)},  // past the end
      {entry("f32", 0, std::int64_t{1} << 62, 0)},
      {entry("f32", 5, 4, 0)},
      {entry("f32", -4, 4, 0)},
      {entry("f16", 0, 4, 0)},
  };
  for (const json& header : wrong) {
    EXPECT_THAT(fault(header), AllOf(HasSubstr("crafted.shard"), HasSubstr("\"t\""))) << header;
  }
  EXPECT_THAT(fault({{"no", "list"}}), HasSubstr("malformed"));
  EXPECT_THAT(fault(json::array({json::object()})), HasSubstr("no usable \"name\""));
}

TEST_F(Checkpoints, a_shard_name_stays_in_its_folder) {
  for (const char* name : {"../rank-0000.shard", "/etc/passwd", "..", ""})
    EXPECT_THROW(shard_from_json({{"file", name}, {"bytes", 1}, {"header_hash", 1}}), StorageError) << name;
  EXPECT_EQ(shard_from_json(to_json({"rank-0000.shard", 7, 9})).num_bytes, 7u);
}

TEST_F(Checkpoints, the_newest_two_whole_ones_are_kept) {
  for (const std::int64_t step : {5, 10, 15}) commit(step);
  EXPECT_FALSE(fs::exists(checkpoint_folder(run.path(), 5)));
  EXPECT_TRUE(fs::exists(checkpoint_folder(run.path(), 10)));
  EXPECT_EQ(offered(), 15);
  write(30, 0);  // two runs that crashed while they wrote
  write(40, 0);
  commit(20);
  EXPECT_EQ(offered(), 20);
  EXPECT_TRUE(fs::exists(checkpoint_folder(run.path(), 15)));
  EXPECT_FALSE(fs::exists(checkpoint_folder(run.path(), 30)));
  EXPECT_FALSE(fs::exists(checkpoint_folder(run.path(), 10)));
}

TEST_F(Checkpoints, a_copied_folder_is_neither_offered_nor_removed) {
  commit(5);
  for (const char* name : {"step-0000000005.bak", "step-best", "step-77", "other"})
    fs::copy(checkpoint_folder(run.path(), 5), run / ("checkpoints/" + std::string(name)), fs::copy_options::recursive);
  EXPECT_EQ(find_latest_checkpoint(run.path())->step, 5);
  for (const std::int64_t step : {6, 7, 8}) commit(step);
  for (const char* name : {"step-0000000005.bak", "step-best", "step-77", "other"})
    EXPECT_TRUE(fs::exists(run / ("checkpoints/" + std::string(name) + "/manifest.json"))) << name;
  EXPECT_FALSE(fs::exists(checkpoint_folder(run.path(), 5)));
}

TEST_F(Checkpoints, R1_a_manifest_of_another_step_is_not_offered) {
  commit(5);
  fs::copy(checkpoint_folder(run.path(), 5), checkpoint_folder(run.path(), 9), fs::copy_options::recursive);
  commit(6);  // removes 9, which is not whole
  EXPECT_EQ(offered(), 6);
  EXPECT_TRUE(fs::exists(checkpoint_folder(run.path(), 5)));
}

TEST_F(Checkpoints, a_manifest_nested_without_end_is_not_offered) {
  commit(1);
  commit(2);
  for (const std::size_t depth : {std::size_t{40}, std::size_t{2'000'000}}) {
    write_text(file(2, "manifest.json"),
               "{\"version\":1,\"hash\":0,\"body\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
    EXPECT_EQ(offered(), 1) << depth;
  }
}

TEST_F(Checkpoints, a_job_with_bytes_that_are_no_utf8_is_saved) {
  commit_checkpoint(run.path(), {3, manifest_text({{"folder", "caf\xe9"}}), "{}", {write(3, 0)}});
  const auto found = find_latest_checkpoint(run.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(json::parse(found->job), (json{{"folder", "caf\ufffd"}}));
}

TEST_F(Checkpoints, R1_what_cannot_be_withdrawn_is_not_written_over) {
  commit(5);
  const std::string before = read_text(file(5, "rank-0000.shard"));
  fs::remove(file(5, "manifest.json"));
  fs::create_directories(file(5, "manifest.json") + "/stuck");
  master[0] = -1;
  try {
    write(5, 0);
    FAIL() << "wrote under a manifest that stays";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(file(5, "manifest.json")));
  }
  EXPECT_EQ(read_text(file(5, "rank-0000.shard")), before);
}

TEST_F(Checkpoints, what_cannot_be_written_is_named) {
  write_text(run / "checkpoints", "in the way");
  try {
    write(1, 0);
    FAIL() << "wrote where a file lies";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(checkpoint_folder(run.path(), 1)));
  }
}

}  // namespace
}  // namespace dsrun
