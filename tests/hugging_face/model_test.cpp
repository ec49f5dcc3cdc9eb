// Models in folders: what is written is read back bit by bit, and what is not a model is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/state/safetensors/convert.hpp"
#include "runtime/state/safetensors/model.hpp"
#include "runtime/state/safetensors/writer.hpp"
#include "tests/hugging_face/stored.hpp"
#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;
using test::read_text;
using test::refusal_of;
using test::stored_file;
using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t no_limit = std::uint64_t{1} << 40;

struct StoredModel {
  std::vector<SafetensorsShape> shapes;
  std::vector<std::string> bytes;

  void add(std::string name, SafetensorsDtype dtype, std::vector<std::int64_t> dims, std::mt19937& random) {
    shapes.push_back({std::move(name), dtype, std::move(dims)});
    std::string content(num_bytes(shapes.back(), ""), '\0');
    for (char& c : content) c = static_cast<char>(random());
    bytes.push_back(std::move(content));
  }
  void write(const std::string& folder, std::uint64_t most_shard_bytes) const {
    write_safetensors_model(folder, shapes, most_shard_bytes, [&](std::size_t index, const PutBytes& put) {
      const auto all = std::as_bytes(std::span(bytes[index]));
      put(all.first(all.size() / 3));  // in pieces
      put(all.subspan(all.size() / 3));
    });
  }
};

StoredModel random_stored_model(std::mt19937& random) {
  StoredModel model;
  const int tensors = static_cast<int>(random() % 12);
  for (int i = 0; i < tensors; ++i) {
    std::vector<std::int64_t> dims(random() % 4);
    for (std::int64_t& dim : dims) dim = static_cast<std::int64_t>(random() % 7);
    auto dtype = static_cast<SafetensorsDtype>(random() % num_safetensors_dtypes);
    if (bits_of(dtype) % 8 != 0) dims.push_back(4);  // whole bytes
    model.add(fmt::format("model.{}.weight", (i * 7) % 13), dtype, dims, random);
  }
  return model;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& each : fs::directory_iterator(folder)) names.push_back(each.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(SafetensorsModel, reads_what_it_has_written_bit_by_bit) {
  std::mt19937 random(1);
  for (int turn = 0; turn < 60; ++turn) {
    const TemporaryFolder folder;
    const StoredModel stored = random_stored_model(random);
    const std::uint64_t limit = turn % 3 == 0 ? no_limit : random() % 600;
    stored.write(folder / "model", limit);
    const SafetensorsModel model = SafetensorsModel::open(folder / "model");
    EXPECT_EQ(model.num_tensors(), stored.shapes.size());
    for (std::size_t i = 0; i < stored.shapes.size(); ++i) {
      const SafetensorsTensor& tensor = model.get(stored.shapes[i].name, stored.shapes[i].dims);
      EXPECT_EQ(tensor.dtype, stored.shapes[i].dtype);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()), stored.bytes[i]);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % size_of(tensor.dtype), 0U);
      model.release(tensor);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()), stored.bytes[i]);
    }
    for (const SafetensorsFile& file : model.files()) {
      std::uint64_t size = 0;
      for (const SafetensorsTensor& tensor : file.tensors()) size += tensor.bytes.size();
      EXPECT_TRUE(size <= limit || std::count_if(file.tensors().begin(), file.tensors().end(),
                                                 [](const auto& tensor) { return !tensor.bytes.empty(); }) == 1);
    }
  }
}

TEST(SafetensorsModel, has_the_names_that_others_look_for) {
  std::mt19937 random(2);
  StoredModel stored;
  for (const char* name : {"a", "b", "c"}) stored.add(name, SafetensorsDtype::f32, {4}, random);
  const TemporaryFolder folder;
  stored.write(folder / "one", 48);
  EXPECT_EQ(names_in(folder / "one"), (std::vector<std::string>{"model.safetensors"}));
  stored.write(folder / "two", 47);
  EXPECT_EQ(names_in(folder / "two"),
            (std::vector<std::string>{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                      "model.safetensors.index.json"}));
  const auto index = nlohmann::json::parse(read_text((folder / "two") + "/model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], 48);
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00002.safetensors");
  EXPECT_THAT(read_text((folder / "one") + "/model.safetensors"), HasSubstr(R"("__metadata__":{"format":"pt"})"));
}

TEST(SafetensorsModel, writes_all_or_nothing) {
  std::mt19937 random(3);
  StoredModel stored;
  for (const char* name : {"a", "b", "c"}) stored.add(name, SafetensorsDtype::f32, {4}, random);
  const TemporaryFolder folder;
  const auto failing = [&](std::size_t extra) {
    return refusal_of([&] {
      write_safetensors_model(folder / "m", stored.shapes, 16, [&](std::size_t index, const PutBytes& put) {
        put(std::vector<std::byte>(index == 2 ? extra : 16));
      });
    });
  };
  EXPECT_THAT(failing(15).message, AllOf(HasSubstr("model-00003-of-00003"), HasSubstr("\"c\""), HasSubstr("15 bytes")));
  EXPECT_EQ(failing(17).tensor, "c");
  EXPECT_TRUE(names_in(folder / "m").empty());
  stored.write(folder / "m", 16);
  EXPECT_THAT(refusal_of([&] { stored.write(folder / "m", 16); }).message, HasSubstr("already holds a model"));
  stored.shapes[1].name = "a";
  EXPECT_EQ(refusal_of([&] { stored.write(folder / "n", 16); }).tensor, "a");
}

TEST(SafetensorsFile, refuses_what_is_no_regular_file) {
  const TemporaryFolder folder;
  const auto message = [](const std::string& path) { return refusal_of([&] { SafetensorsFile::open(path); }).message; };
  EXPECT_THAT(message(folder / "none"), AllOf(HasSubstr(folder / "none"), HasSubstr("No such file")));
  EXPECT_THAT(message(folder.path()), HasSubstr("no regular file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(message(folder / "pipe"), HasSubstr("no regular file"));  // and does not wait for a writer
  write_text(folder / "empty", "");
  EXPECT_THAT(message(folder / "empty"), AllOf(HasSubstr(folder / "empty"), HasSubstr("0 bytes are too few")));
}

std::string file_with(const std::vector<std::string>& names) {
  std::string header;
  for (std::size_t i = 0; i < names.size(); ++i)
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i == 0 ? "{" : ",", names[i],
                          i, i + 1);
  return stored_file(header + "}", names.size());
}

struct Sharded : testing::Test {
  TemporaryFolder folder;

  Sharded() {
    write_text(folder / "1.safetensors", file_with({"a", "b"}));
    write_text(folder / "2.safetensors", file_with({"c"}));
  }
  test::Refusal refusal(std::string_view weight_map) {
    write_text(folder / "model.safetensors.index.json", fmt::format(R"({{"weight_map":{}}})", weight_map));
    return refusal_of([&] { SafetensorsModel::open(folder.path()); });
  }
};

TEST_F(Sharded, agrees_with_its_index) {
  EXPECT_EQ(refusal(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})").message, "");
  const SafetensorsModel model = SafetensorsModel::open(folder.path());
  EXPECT_EQ(model.num_bytes(), 3U);
  ASSERT_NE(model.find("c"), nullptr);
  EXPECT_EQ(model.file_of(*model.find("c")), folder / "2.safetensors");
  EXPECT_EQ(model.find("d"), nullptr);
  EXPECT_THAT(refusal_of([&] { model.get("d", {}); }).message, AllOf(HasSubstr(folder.path()), HasSubstr("\"d\"")));
  const std::vector<std::int64_t> dims = {2, 3};
  EXPECT_THAT(refusal_of([&] { model.get("c", dims); }).message,
              AllOf(HasSubstr("2.safetensors"), HasSubstr("its shape is [1], not [2, 3]")));
}

// The index is a list of files: what they hold counts, as in transformers.
TEST_F(Sharded, reads_what_the_files_hold_and_notes_where_the_index_says_otherwise) {
  EXPECT_EQ(refusal(R"({"a":"1.safetensors","c":"2.safetensors"})").message, "");
  const SafetensorsModel without = SafetensorsModel::open(folder.path());
  EXPECT_NE(without.find("b"), nullptr);
  EXPECT_THAT(without.notes(), ElementsAre("model.safetensors.index.json does not name \"b\""));
  EXPECT_EQ(refusal(R"({"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"})").message, "");
  const SafetensorsModel elsewhere = SafetensorsModel::open(folder.path());
  EXPECT_EQ(elsewhere.file_of(*elsewhere.find("b")), folder / "1.safetensors");
  EXPECT_THAT(elsewhere.notes(), ElementsAre("model.safetensors.index.json places \"b\" in another file"));
}
TEST_F(Sharded, misses_a_tensor_only_where_it_is_asked_for) {
  EXPECT_EQ(refusal(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"3.safetensors"})").message,
            "");
  const SafetensorsModel model = SafetensorsModel::open(folder.path());
  EXPECT_THAT(model.notes(), ElementsAre("model.safetensors.index.json names \"3.safetensors\", which is missing"));
  EXPECT_THAT(refusal_of([&] { model.get("d", {}); }).message,
              AllOf(HasSubstr("\"d\""), HasSubstr("\"3.safetensors\", which is missing")));
}
TEST_F(Sharded, reads_a_tensor_of_two_files_only_where_they_agree) {
  const std::vector<std::int64_t> dims = {1};
  write_text(folder / "2.safetensors", file_with({"a", "c"}));
  EXPECT_EQ(refusal(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})").message, "");
  EXPECT_EQ(SafetensorsModel::open(folder.path()).get("a", dims).name, "a");
  write_text(folder / "2.safetensors", file_with({"c", "a"}));
  const SafetensorsModel model = SafetensorsModel::open(folder.path());
  EXPECT_EQ(model.get("b", dims).name, "b");
  EXPECT_THAT(refusal_of([&] { model.get("a", dims); }).message,
              AllOf(HasSubstr("1.safetensors"), HasSubstr("2.safetensors holds another one")));
}
TEST_F(Sharded, refuses_broken_files) {
  write_text(folder / "2.safetensors", "cut");
  EXPECT_THAT(refusal(R"({"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"})").message,
              AllOf(HasSubstr("2.safetensors"), HasSubstr("too few")));
  EXPECT_THAT(refusal(R"({"a":"../1.safetensors"})").message, HasSubstr("no plain file name"));
}
TEST_F(Sharded, refuses_a_folder_without_a_model) {
  EXPECT_THAT(refusal_of([&] { SafetensorsModel::open(folder.path()); }).message,
              AllOf(HasSubstr(folder.path()), HasSubstr("model.safetensors")));
  fs::create_directory(folder / "model.safetensors.index.json");
  EXPECT_NE(refusal_of([&] { SafetensorsModel::open(folder.path()); }).message, "");
}

// A weight of 130 × 260 in FP8 and what else the model holds.
struct Scaled : testing::Test {
  TemporaryFolder folder;
  std::mt19937 random{4};
  StoredModel stored;
  std::vector<float> scales = {0.5F, 2, 4, 8, 16, 32};

  SafetensorsModel model() {
    stored.write(folder / "m", no_limit);
    return SafetensorsModel::open(folder / "m");
  }
  void add_weight(SafetensorsDtype scale_dtype, std::vector<std::int64_t> scale_dims) {
    stored.add("w.weight", SafetensorsDtype::f8_e4m3, {130, 260}, random);
    for (char& c : stored.bytes.back()) c = static_cast<char>(c & 0x77);  // no NaN
    stored.add("w.weight_scale_inv", scale_dtype, std::move(scale_dims), random);
  }
  test::Refusal refusal_of_reading(const SafetensorsModel& read, const char* name) {
    std::vector<float> out(1);
    return refusal_of([&] { read.read_f32(*read.find(name), 0, out); });
  }
};

TEST_F(Scaled, is_read_with_its_scales_from_anywhere) {
  add_weight(SafetensorsDtype::f32, {2, 3});
  stored.bytes.back().assign(reinterpret_cast<const char*>(scales.data()), 24);
  const SafetensorsModel read = model();
  const SafetensorsTensor& weight = *read.find("w.weight");
  std::vector<float> unscaled(130 * 260);
  convert_to_f32(weight.dtype, weight.bytes, unscaled);
  constexpr std::int64_t begin = 127 * 260 + 100;
  std::vector<float> out(680);
  read.read_f32(weight, begin, out);
  for (std::int64_t i = 0; i < 680; ++i) {
    const std::int64_t row = (begin + i) / 260, col = (begin + i) % 260;
    EXPECT_EQ(out[i], unscaled[begin + i] * scales[row / 128 * 3 + col / 128]);
  }
}
TEST_F(Scaled, has_bytes_for_scales) {
  for (const SafetensorsDtype dtype : {SafetensorsDtype::f8_e8m0, SafetensorsDtype::u8}) {
    stored = {};
    add_weight(dtype, {2, 3});
    stored.bytes.back() = {127, 126, 125, 124, 123, static_cast<char>(131)};
    stored.write(folder / std::string(name_of(dtype)), no_limit);
    const SafetensorsModel read = SafetensorsModel::open(folder / std::string(name_of(dtype)));
    const SafetensorsTensor& weight = *read.find("w.weight");
    std::vector<float> unscaled(130 * 260), out(130 * 260);
    convert_to_f32(weight.dtype, weight.bytes, unscaled);
    read.read_f32(weight, 0, out);
    for (const auto& [at, scale] : {std::pair(0, 1.0F), std::pair(130, 0.5F), std::pair(129 * 260 + 259, 16.0F)})
      EXPECT_EQ(out[at], unscaled[at] * scale);
  }
}
TEST_F(Scaled, scales_each_matrix_of_three_dims_by_its_own_blocks) {
  stored.add("e.weight", SafetensorsDtype::f8_e4m3, {3, 130, 5}, random);
  for (char& c : stored.bytes.back()) c = static_cast<char>(c & 0x77);
  stored.add("e.weight_scale_inv", SafetensorsDtype::f32, {3, 2, 1}, random);
  stored.bytes.back().assign(reinterpret_cast<const char*>(scales.data()), 24);
  const SafetensorsModel read = model();
  const SafetensorsTensor& weight = *read.find("e.weight");
  std::vector<float> unscaled(3 * 650), out(1400);
  convert_to_f32(weight.dtype, weight.bytes, unscaled);
  constexpr std::int64_t begin = 300;
  read.read_f32(weight, begin, out);
  for (std::int64_t i = 0; i < 1400; ++i) {
    const std::int64_t at = begin + i, row = at % 650 / 5;
    EXPECT_EQ(out[i], unscaled[at] * scales[at / 650 * 2 + row / 128]) << at;
  }
}
TEST_F(Scaled, refuses_scales_of_another_shape) {
  add_weight(SafetensorsDtype::f32, {3, 2});
  EXPECT_THAT(
      refusal_of_reading(model(), "w.weight").message,
      AllOf(HasSubstr("w.weight_scale_inv"), HasSubstr("F32 [3, 2], but the weight needs F32, F8_E8M0 or U8 [2, 3]")));
}
TEST_F(Scaled, refuses_scales_of_another_type) {
  add_weight(SafetensorsDtype::i32, {2, 3});
  EXPECT_THAT(refusal_of_reading(model(), "w.weight").message, HasSubstr("it is I32"));
}
TEST_F(Scaled, refuses_weights_without_scales_and_without_floats) {
  stored.add("bare", SafetensorsDtype::f8_e5m2, {3, 4}, random);
  stored.add("flat", SafetensorsDtype::f8_e4m3, {3}, random);
  stored.add("count", SafetensorsDtype::i64, {3}, random);
  const SafetensorsModel read = model();
  EXPECT_THAT(refusal_of_reading(read, "bare").message, AllOf(HasSubstr("\"bare\""), HasSubstr("_scale_inv")));
  EXPECT_THAT(refusal_of_reading(read, "flat").message, HasSubstr("1 dims, not 2 or 3"));
  EXPECT_THAT(refusal_of_reading(read, "count").message, HasSubstr("I64 is no type of weights"));
}

}  // namespace
}  // namespace dsrun
