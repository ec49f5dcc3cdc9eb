// What an index of a sharded model may not be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "runtime/state/safetensors/index.hpp"
#include "tests/hugging_face/allocations.hpp"
#include "tests/hugging_face/stored.hpp"

namespace dsrun {
namespace {

using test::most_allocated;
using test::Refusal;
using test::refusal_of;
using testing::HasSubstr;
using testing::StartsWith;

TEST(SafetensorsIndex, lists_tensors_by_name) {
  const SafetensorsIndex index = parse_safetensors_index(
      R"({"metadata":{"total_size":1e3,"x":[null,true,-1,{"weight_map":2}]},"weight_map":{"b":"2.st","a":"1.st","c":"2.st"},"more":7})",
      "i");
  EXPECT_EQ(index.files, (std::vector<std::string>{"2.st", "1.st"}));
  ASSERT_EQ(index.entries.size(), 3U);
  EXPECT_EQ(index.entries[0].tensor, "a");
  EXPECT_EQ(index.entries[0].file, 1U);
  EXPECT_EQ(index.entries[2].tensor, "c");
  EXPECT_EQ(index.entries[2].file, 0U);
}

struct HostileIndex {
  std::string name;
  std::string text;
  std::string tensor;
  std::string message;
};
void PrintTo(const HostileIndex& index, std::ostream* out) { *out << index.name; }

// An index whose tensor "w" lies in the file of this JSON string.
std::string in_file(std::string_view name) { return fmt::format(R"({{"weight_map":{{"w":"{}"}}}})", name); }

std::vector<HostileIndex> faults() {
  return {{"empty", "", "", "does not begin with '{'"},
          {"list", "[]", "", "does not begin with '{'"},
          {"no_map", R"({"metadata":{}})", "", "weight_map is missing"},
          {"map_twice", R"({"weight_map":{},"weight_map":{}})", "", "weight_map is there twice"},
          {"map_is_text", R"({"weight_map":"x"})", "", "a string has no place"},
          {"map_is_list", R"({"weight_map":["x"]})", "", "a list has no place"},
          {"map_is_null", R"({"weight_map":null})", "", "a null has no place"},
          {"place_is_number", R"({"weight_map":{"w":1}})", "w", "the number 1"},
          {"place_is_object", R"({"weight_map":{"w":{}}})", "w", "nothing else"},
          {"place_is_list", R"({"weight_map":{"w":[]}})", "w", "a list has no place"},
          {"tensor_twice", R"({"weight_map":{"w":"a","w":"b"}})", "w", "there twice"},
          {"escaped_twice", R"({"weight_map":{"w":"a","\u0077":"a"}})", "w", "there twice"},
          {"absolute", in_file("/etc/passwd"), "w", "\"/etc/passwd\" is no plain file name"},
          {"parent", in_file("../model.safetensors"), "w", "no plain file name"},
          {"two_dots", in_file(".."), "w", "no plain file name"},
          {"dot", in_file("."), "w", "no plain file name"},
          {"hidden", in_file(".hidden"), "w", "no plain file name"},
          {"folder", in_file("a/b.safetensors"), "w", "no plain file name"},
          {"escaped_folder", in_file("a\\u002fb"), "w", "no plain file name"},
          {"backslash", in_file("..\\\\b"), "w", "no plain file name"},
          {"nul", in_file("a\\u0000b"), "w", "no plain file name"},
          {"newline", in_file("a\\nb"), "w", "no plain file name"},
          {"no_name", in_file(""), "w", "no plain file name"},
          {"bad_utf8", in_file("\xff"), "w", "UTF-8"},
          {"unclosed", R"({"weight_map":{"w":"a")", "", "malformed JSON"},
          {"text_after_it", R"({"weight_map":{}} x)", "", "malformed JSON"},
          {"deep", "{\"m\":" + std::string(50000, '['), "", "nested deeper than 16"}};
}

struct HostileIndices : testing::TestWithParam<HostileIndex> {};

TEST_P(HostileIndices, are_refused_with_the_names_of_file_and_tensor) {
  Refusal refusal;
  const std::size_t allocated = most_allocated(
      [&] { refusal = refusal_of([&] { parse_safetensors_index(GetParam().text, "folder/index.json"); }); });
  EXPECT_EQ(refusal.tensor, GetParam().tensor);
  EXPECT_THAT(refusal.message, StartsWith("folder/index.json: "));
  EXPECT_THAT(refusal.message, HasSubstr(GetParam().message));
  EXPECT_LT(allocated, 16 * GetParam().text.size() + 16384);
}

INSTANTIATE_TEST_SUITE_P(Faults, HostileIndices, testing::ValuesIn(faults()),
                         [](const testing::TestParamInfo<HostileIndex>& each) { return each.param.name; });

}  // namespace
}  // namespace dsrun
