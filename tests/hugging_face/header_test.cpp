// What a safetensors file may not be (F-1 to F-4 of header.hpp): a corpus of hostile files, each with the fault that
// its message must name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tests/hugging_face/allocations.hpp"
#include "tests/hugging_face/stored.hpp"

namespace dsrun {
namespace {

using test::most_allocated;
using test::parse;
using test::Refusal;
using test::refusal_of;
using test::stored_file;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view two_tensors =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
    R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"none":{"dtype":"I64","shape":[0,7],"data_offsets":[8,8]},)"
    R"("one":{"dtype":"BOOL","shape":[],"data_offsets":[11,12]}}   )";

TEST(SafetensorsHeader, lists_tensors_in_the_order_of_their_bytes) {
  const std::string file = stored_file(two_tensors, 12);
  const std::vector<SafetensorsTensor> tensors = parse(file);
  ASSERT_EQ(tensors.size(), 4U);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[0].dtype, SafetensorsDtype::f32);
  EXPECT_EQ(tensors[0].dims, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(tensors[0].size(), 2);
  EXPECT_EQ(tensors[1].name, "none");
  EXPECT_EQ(tensors[1].size(), 0);
  EXPECT_EQ(tensors[2].name, "b");
  EXPECT_EQ(tensors[2].bytes[1], std::byte{9});
  EXPECT_EQ(tensors[3].name, "one");
  EXPECT_EQ(tensors[3].size(), 1);
}

TEST(SafetensorsHeader, reads_what_it_has_written) {
  std::vector<SafetensorsShape> shapes;
  std::size_t data_size = 0;
  for (std::size_t i = 0; i < num_safetensors_dtypes; ++i) {
    const auto dtype = static_cast<SafetensorsDtype>(i);
    EXPECT_EQ(find_safetensors_dtype(name_of(dtype)), dtype);
    shapes.push_back({fmt::format("tensor \"{}\"\\\n\u00fc", i), dtype, std::vector<std::int64_t>(i % 3 + 1, 4)});
    data_size += num_bytes(shapes.back(), "");
  }
  const std::string header = make_safetensors_header(shapes, "");
  EXPECT_EQ(header.size() % 8, 0U);
  const std::string file = header + std::string(data_size, 'x');
  const std::vector<SafetensorsTensor> tensors = parse(file);
  ASSERT_EQ(tensors.size(), shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i)
    EXPECT_EQ(static_cast<const SafetensorsShape&>(tensors[i]), shapes[i]);
  EXPECT_TRUE(parse(stored_file("{}", 0)).empty());
}

struct HostileFile {
  std::string name;
  std::string bytes;
  std::string tensor;   // that the message names
  std::string message;  // part of it
};
void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.name; }

std::string entry(std::string_view name, std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets, std::size_t data_size = 8) {
  return stored_file("{" + entry("w", dtype, shape, offsets) + "}", data_size);
}
std::string two(std::string_view first, std::string_view second, std::size_t data_size = 8) {
  return stored_file(fmt::format("{{{},{}}}", first, second), data_size);
}

std::vector<HostileFile> length_faults() {
  const std::string good = stored_file(two_tensors, 12);
  return {{"empty", "", "", "0 bytes are too few"},
          {"cut_in_the_length", good.substr(0, 7), "", "7 bytes are too few"},
          {"cut_in_the_header", good.substr(0, 100), "", "the file only 92 after its length"},
          {"cut_in_the_data", good.substr(0, good.size() - 1), "one", "goes beyond the data's 11 bytes"},
          {"header_of_2_to_60", stored_file("{}", 0, std::uint64_t{1} << 60), "", "1152921504606846976 bytes"},
          {"header_of_2_to_64", stored_file("{}", 0, ~std::uint64_t{0}), "", "beyond the limit"},
          {"header_over_the_limit", stored_file("{}", 0, longest_safetensors_header + 1), "", "beyond the limit"},
          {"header_longer_than_file", stored_file("{}", 0, 3), "", "the header has 3 bytes, the file only 2"},
          {"no_header", stored_file("", 4), "", "does not begin with '{'"}};
}

std::vector<HostileFile> json_faults() {
  return {{"space_first", stored_file(" {}", 0), "", "does not begin with '{'"},
          {"byte_order_mark", stored_file("\xef\xbb\xbf{}", 0), "", "does not begin with '{'"},
          {"list", stored_file("[]", 0), "", "does not begin with '{'"},
          {"unclosed", stored_file(R"({"w":{"dtype":"U8")", 0), "w", "malformed JSON"},
          {"text_after_it", stored_file("{}x", 0), "", "malformed JSON"},
          {"two_objects", stored_file("{}{}", 0), "", "malformed JSON"},
          {"bad_utf8_name", stored_file("{\"\xff\":1}", 0), "", "UTF-8 at byte 3"},
          {"surrogate_name", stored_file("{\"\xed\xa0\x80\":1}", 0), "", "UTF-8"},
          {"deep", stored_file("{" + std::string(50000, '['), 0), "", "malformed JSON"},
          {"deep_lists", stored_file("{\"w\":" + std::string(50000, '['), 0), "w", "a list has no place"},
          {"deep_objects", stored_file(R"({"w":{"shape":{"shape":{)", 0), "w", "an object has no place"},
          {"not_an_object", stored_file(R"({"w":7})", 0), "w", "the number 7 has no place"},
          {"null", stored_file(R"({"w":null})", 0), "w", "null"},
          {"nan", stored_file(R"({"w":NaN})", 0), "w", "malformed JSON"},
          {"metadata_number", stored_file(R"({"__metadata__":{"a":1}})", 0), "__metadata__", "the number 1"},
          {"metadata_twice", stored_file(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__", "twice"}};
}

std::vector<HostileFile> entry_faults() {
  return {
      {"unknown_dtype", one("F5", "[8]", "[0,8]"), "w", "the dtype \"F5\" is unknown"},
      {"part_of_a_byte", one("F4", "[3]", "[0,2]"), "w", "its 12 bits are no whole number of bytes"},
      {"lower_case_dtype", one("f32", "[2]", "[0,8]"), "w", "the dtype \"f32\" is unknown"},
      {"dtype_number", stored_file(R"({"w":{"dtype":3}})", 0), "w", "the number 3"},
      {"unknown_key", stored_file(R"({"w":{"stride":[1]}})", 0), "w", "the key \"stride\" is unknown"},
      {"no_dtype", stored_file(R"({"w":{"shape":[],"data_offsets":[0,1]}})", 1), "w", "dtype is missing"},
      {"no_shape", stored_file(R"({"w":{"dtype":"U8","data_offsets":[0,1]}})", 1), "w", "shape is missing"},
      {"no_offsets", stored_file(R"({"w":{"dtype":"U8","shape":[1]}})", 1), "w", "data_offsets is missing"},
      {"dtype_twice", stored_file(R"({"w":{"dtype":"U8","dtype":"U8"}})", 0), "w", "dtype is there twice"},
      {"offsets_twice", stored_file(R"({"w":{"data_offsets":[0,1],"data_offsets":[0,1]}})", 1), "w", "twice"},
      {"negative_dim", one("U8", "[-8]", "[0,8]"), "w", "the number -8"},
      {"fractional_dim", one("U8", "[8.0]", "[0,8]"), "w", "the number 8"},
      {"text_dim", one("U8", R"(["8"])", "[0,8]"), "w", "a string has no place"},
      {"nested_shape", one("U8", "[[8]]", "[0,8]"), "w", "a list has no place"},
      {"dim_of_2_to_63", one("U8", "[9223372036854775808]", "[0,8]"), "w", "too large"},
      {"dim_of_2_to_64", one("U8", "[18446744073709551616]", "[0,8]"), "w", "has no place here"},
      {"product_overflows", one("U8", "[4294967296,4294967296,4]", "[0,8]"), "w", "its shape overflows"},
      {"product_wraps_to_fit", one("U8", "[3074457345618258603,6]", "[0,2]"), "w", "its shape overflows"},
      {"bytes_overflow", one("F64", "[1152921504606846977]", "[0,8]"), "w", "its shape overflows"},
      {"too_many_dims",
       one(
           "U8",
           "[1" +
               [] {
                 std::string more;
                 for (int i = 0; i < 32; ++i) more += ",1";
                 return more;
               }() +
               "]",
           "[0,1]"),
       "w", "more than 32 dims"},
      {"one_offset", one("U8", "[8]", "[8]"), "w", "fewer than two"},
      {"three_offsets", one("U8", "[8]", "[0,8,8]"), "w", "more than two"},
      {"negative_offset", one("U8", "[8]", "[-8,0]"), "w", "the number -8"},
      {"huge_offset", one("U8", "[8]", "[0,1e30]"), "w", "the number 1e+30"},
      {"backward_range", one("U8", "[4]", "[8,4]"), "w", "8 to 4 runs backwards"},
      {"range_beyond", one("U8", "[9]", "[0,9]"), "w", "0 to 9 goes beyond the data's 8 bytes"},
      {"range_far_beyond", one("U8", "[0]", "[18446744073709551615,18446744073709551615]"), "w", "beyond"},
      {"range_too_small", one("F32", "[3]", "[0,8]"), "w", "needs 12 bytes of F32, but its byte range has 8"},
      {"range_too_large", one("F16", "[3]", "[0,8]"), "w", "needs 6 bytes of F16, but its byte range has 8"},
  };
}

std::vector<HostileFile> place_faults() {
  const std::string a = entry("a", "U8", "[4]", "[0,4]");
  return {
      {"name_twice", two(a, entry("a", "U8", "[4]", "[4,8]")), "a", "the name is there twice"},
      {"escaped_name_twice", two(a, entry("\\u0061", "U8", "[4]", "[4,8]")), "a", "the name is there twice"},
      {"overlap", two(a, entry("b", "U8", "[5]", "[3,8]")), "b", "overlap those of \"a\""},
      {"same_range", two(a, entry("b", "U8", "[4]", "[0,4]"), 4), "b", "overlap those of \"a\""},
      {"range_inside", two(entry("a", "U8", "[8]", "[0,8]"), entry("b", "U8", "[2]", "[2,4]")), "b", "overlap"},
      {"empty_inside", two(entry("a", "U8", "[8]", "[0,8]"), entry("b", "U8", "[0]", "[2,2]")), "b", "overlap"},
      {"hole", two(a, entry("b", "U8", "[3]", "[5,8]")), "b", "the 1 bytes before it belong to no tensor"},
      {"hole_first", one("U8", "[4]", "[4,8]"), "w", "the 4 bytes before it"},
      {"rest", one("U8", "[4]", "[0,4]"), "", "the last 4 bytes belong to no tensor"},
      {"only_a_rest", stored_file("{}", 3), "", "the last 3 bytes"},
      {"control_in_name", stored_file(R"({"\u001b[2J\n":7})", 0), "\x1b[2J\n", "tensor \"?[2J?\""},
      {"long_name", stored_file("{\"" + std::string(5000, 'n') + "\":7}", 0), std::string(5000, 'n'), "(5000 bytes)"}};
}

struct HostileFiles : testing::TestWithParam<HostileFile> {};

TEST_P(HostileFiles, are_refused_with_the_names_of_file_and_tensor) {
  const HostileFile& file = GetParam();
  Refusal refusal;
  const std::size_t allocated = most_allocated([&] { refusal = refusal_of([&] { parse(file.bytes); }); });
  EXPECT_EQ(refusal.tensor, file.tensor);
  EXPECT_THAT(refusal.message, StartsWith("weights.safetensors: "));
  EXPECT_THAT(refusal.message, HasSubstr(file.message));
  EXPECT_LT(refusal.message.size(), 500U);
  EXPECT_LT(allocated, 16 * file.bytes.size() + 16384);
}

std::string test_name(const testing::TestParamInfo<HostileFile>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(F1_length, HostileFiles, testing::ValuesIn(length_faults()), test_name);
INSTANTIATE_TEST_SUITE_P(F1_json, HostileFiles, testing::ValuesIn(json_faults()), test_name);
INSTANTIATE_TEST_SUITE_P(F2_F3_entry, HostileFiles, testing::ValuesIn(entry_faults()), test_name);
INSTANTIATE_TEST_SUITE_P(F4_place, HostileFiles, testing::ValuesIn(place_faults()), test_name);

// Many small tensors are the most that a header can make a reader keep.
TEST(SafetensorsHeader, takes_memory_in_proportion_to_the_header) {
  std::string header = "{";
  for (int i = 0; i < 20000; ++i)
    header +=
        fmt::format(R"({}"{}":{{"dtype":"U8","shape":[],"data_offsets":[{},{}]}})", i > 0 ? "," : "", i, i, i + 1);
  const std::string file = stored_file(header + "}", 20000);
  std::size_t found = 0;
  const std::size_t allocated = most_allocated([&] { found = parse(file).size(); });
  EXPECT_EQ(found, 20000U);
  EXPECT_LT(allocated, 8 * file.size());
}

TEST(SafetensorsHeader, takes_no_memory_for_long_strings_beyond_a_few_copies) {
  const std::string file = stored_file("{\"" + std::string(1 << 22, 'n') + "\x01", 0);
  const std::size_t allocated = most_allocated([&] { refusal_of([&] { parse(file); }); });
  EXPECT_LT(allocated, 10 * file.size());
}

}  // namespace
}  // namespace dsrun
