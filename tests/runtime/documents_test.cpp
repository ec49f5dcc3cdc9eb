// The documents of text files: each file, each line, or a field of each line's object.
#include "runtime/data/documents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/temporary_folder.hpp"

namespace dsrun {
namespace {

using test::TemporaryFolder;
using test::write_text;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> documents(const std::vector<std::string>& files, const DocumentKind& kind) {
  DocumentReader reader(files, kind);
  std::vector<std::string> all;
  for (;;) {
    const std::vector<DocumentText> block = reader.next_block();
    if (block.empty()) return all;
    for (const DocumentText& each : block) all.emplace_back(each.text());
  }
}

TEST(Documents, are_files_lines_or_fields) {
  const TemporaryFolder folder;
  write_text(folder / "b", "one\r\n\n two \nlast");
  write_text(folder / "a", "grüß\n");
  EXPECT_THAT(documents({folder / "*"}, {"file"}), ElementsAre("grüß\n", "one\r\n\n two \nlast"));
  EXPECT_THAT(documents({folder / "*"}, {"line"}), ElementsAre("grüß", "one", " two ", "last"));
  write_text(folder / "c", "{\"text\": \"a\\nb\", \"id\": 1}\n\n{\"id\": 2, \"text\": \"\"}\n{\"text\": \"\\u00fc\"}");
  EXPECT_THAT(documents({folder / "c"}, {"jsonl"}), ElementsAre("a\nb", "", "ü"));
  write_text(folder / "d", "{\"content\": \"c\"}");
  EXPECT_THAT(documents({folder / "d"}, {"jsonl", "content"}), ElementsAre("c"));
}

TEST(Documents, go_on_over_long_stretches_without_any) {
  const TemporaryFolder folder;
  write_text(folder / "lines", std::string(3 << 20, '\n') + "word" + std::string(3 << 20, '\n'));
  EXPECT_THAT(documents({folder / "lines"}, {"line"}), ElementsAre("word"));
  std::string many;
  for (int i = 0; i < 400'000; ++i) many += std::to_string(i) + "\n";
  write_text(folder / "many", many);
  const std::vector<std::string> found = documents({folder / "many"}, {"line"});
  ASSERT_EQ(found.size(), 400'000u);
  EXPECT_EQ(found[399'999], "399999");
}

struct Read {
  std::vector<std::string> documents, oddities;
  std::string fault;
};

Read read(const std::string& path, DocumentKind kind) {
  Read result;
  try {
    DocumentReader reader({path}, std::move(kind));
    for (std::vector<DocumentText> block; !(block = reader.next_block()).empty();)
      for (const DocumentText& each : block) result.documents.emplace_back(each.text());
    result.oddities = reader.oddities().lines();
  } catch (const DataError& error) {
    result.fault = error.what();
  }
  return result;
}

// Each line between two good records.
TEST(Documents, skip_records_that_hold_no_text_and_name_the_first) {
  const TemporaryFolder folder;
  const struct {
    std::string line, what;
  } cases[] = {
      {R"({"text": )", "malformed JSON, or a line that breaks off"},
      {R"({"text": "a"}{"text": "b"})", "malformed JSON, or a line that breaks off"},
      {"[1]", "a record is not an object in JSON, but array"},
      {"\"text\"", "a record is not an object in JSON, but string"},
      {"7", "a record is not an object in JSON, but number"},
      {"null", "a record is not an object in JSON, but null"},
      {R"({"body": "a"})", "the object has no field \"text\""},
      {R"({"text": null})", "the field \"text\" is no string, but null"},
      {R"({"text": 1})", "the field \"text\" is no string, but number"},
      {R"({"text": ["a"]})", "the field \"text\" is no string, but array"},
      {R"({"text": {"a": "b"}})", "the field \"text\" is no string, but object"},
      {std::string(100'000, '['), "malformed JSON, or a line that breaks off"},
      {std::string(100, '\0'), "malformed JSON, or a line that breaks off"},
  };
  for (const auto& each : cases) {
    const std::string path = folder / "file";
    write_text(path, "{\"text\": \"one\"}\n\n" + each.line + "\n{\"text\": \"two\"}\n");
    const Read lenient = read(path, {"jsonl"});
    EXPECT_THAT(lenient.documents, ElementsAre("one", "two")) << each.what;
    EXPECT_THAT(lenient.oddities, ElementsAre("skipped once: " + each.what + " (" + path + ": line 3)"));
    EXPECT_EQ(read(path, {"jsonl", "text", true}).fault, path + ": line 3: " + each.what);
  }
}

TEST(Documents, repair_what_is_plain_and_say_so) {
  const TemporaryFolder folder;
  const struct {
    std::string line, text, what;
  } cases[] = {
      {"{\"text\": \"a\xff\xe4\xb8z\"}", "a\ufffd\ufffdz", "malformed UTF-8"},
      {R"({"text": "a\ud800z"})", "a\ufffdz", "half of a surrogate pair"},
      {R"({"text": "\udc00\ud83d\ude00\ud83d"})", "\ufffd😀\ufffd", "half of a surrogate pair"},
      {R"({"text": "\\ud800\ud800"})", "\\ud800\ufffd", "half of a surrogate pair"},
      {"{\"text\": \"a\tb\x01\"}", "a\tb\x01", "a control character within a string"},
      {R"({"score": NaN, "x": [-Infinity, 1e999], "text": "NaN"})", "NaN", "a number that JSON has not"},
      {"\xef\xbb\xbf{\"text\": \"a\"}", "a", "a byte order mark"},
  };
  for (const auto& each : cases) {
    const std::string path = folder / "file";
    write_text(path, "{\"text\": \"one\"}\n" + each.line);
    const Read lenient = read(path, {"jsonl"});
    EXPECT_THAT(lenient.documents, ElementsAre("one", each.text)) << each.what;
    EXPECT_THAT(lenient.oddities, ElementsAre("repaired once: " + each.what + " (" + path + ": line 2)"));
    EXPECT_EQ(read(path, {"jsonl", "text", true}).fault, path + ": line 2: " + each.what);
  }
}

TEST(Documents, take_what_is_as_it_should_be_without_a_word) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(
      path,
      "{\"text\": \"a\\u0000\"}\r\n \t \r\n\n{\"text\":\"\\ud83d\\ude00\"}\r\n{\"text\": \" \", \"text\": \"b\"}");
  const Read strict = read(path, {"jsonl", "text", true});
  EXPECT_EQ(strict.fault, "");
  EXPECT_THAT(strict.documents, ElementsAre(std::string("a\0", 2), "😀", "b"));
  EXPECT_THAT(strict.oddities, testing::IsEmpty());
}

TEST(Documents, follow_a_field_into_an_object) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(path, R"({"meta": {"text": "a"}}
{"meta.text": "b", "meta": {"text": "not"}}
{"meta": "c"})");
  EXPECT_THAT(read(path, {"jsonl", "meta.text"}).documents, ElementsAre("a", "b"));
}

TEST(Documents, count_each_kind_and_name_the_first_three_places) {
  const TemporaryFolder folder;
  std::string text = "{\"text\": \"one\"}\n";
  for (int i = 0; i < 5; ++i) text += "{\"text\": null}\n[]\n";
  write_text(folder / "file", text);
  const std::string path = folder / "file";
  const auto at = [&](int a, int b, int c) {
    return " (" + path + ": line " + std::to_string(a) + ", " + path + ": line " + std::to_string(b) + ", " + path +
           ": line " + std::to_string(c) + ", …)";
  };
  EXPECT_THAT(read(path, {"jsonl"}).oddities,
              ElementsAre("skipped 5 times: the field \"text\" is no string, but null" + at(2, 4, 6),
                          "skipped 5 times: a record is not an object in JSON, but array" + at(3, 5, 7)));
}

TEST(Documents, skip_files_that_hold_no_text) {
  const TemporaryFolder folder;
  const struct {
    std::string bytes, what;
  } cases[] = {
      {"", "the file is empty"},
      {"\x1f\x8b\x08", "the file is compressed by gzip: make UTF-8 text of it with `gunzip`"},
      {"\x28\xb5\x2f\xfd", "the file is compressed by zstd: make UTF-8 text of it with `unzstd`"},
      {std::string("\xff\xfe{\0", 4), "the file is UTF-16: make UTF-8 text of it with `iconv -f UTF-16 -t UTF-8`"}};
  write_text(folder / "b", "{\"text\": \"one\"}\n");
  for (const auto& each : cases)
    for (const char* kind : {"jsonl", "line", "file"}) {
      write_text(folder / "a", each.bytes);
      const Read lenient = read(folder / "*", {kind});
      EXPECT_EQ(lenient.documents.size(), 1u) << each.what;
      EXPECT_THAT(lenient.oddities, ElementsAre("skipped once: " + each.what + " (" + (folder / "a") + ")"));
      EXPECT_EQ(read(folder / "*", {kind, "text", true}).fault, (folder / "a") + ": " + each.what);
    }
}

TEST(Documents, repair_lines_and_files_that_are_not_utf8) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text(path,
             "\xef\xbb\xbf"
             "one\n  \ntw\xe4o\n");
  EXPECT_THAT(read(path, {"line"}).documents, ElementsAre("one", "tw\ufffdo"));
  EXPECT_THAT(read(path, {"line"}).oddities, ElementsAre("repaired once: a byte order mark (" + path + ": line 1)",
                                                         "repaired once: malformed UTF-8 (" + path + ": line 3)"));
  EXPECT_THAT(read(path, {"file"}).documents, ElementsAre("one\n  \ntw\ufffdo\n"));
  EXPECT_EQ(read(path, {"line", "text", true}).fault, path + ": line 1: a byte order mark");
}

TEST(Documents, are_missing_with_a_reason) {
  const TemporaryFolder folder;
  write_text(folder / "a", "");
  write_text(folder / "b", "{\"body\": \"x\"}\n{\"body\": \"y\"}\n");
  EXPECT_THAT(read(folder / "*", {"jsonl"}).fault,
              AllOf(HasSubstr("the files hold no document"), HasSubstr("the file is empty"),
                    HasSubstr("skipped 2 times: the object has no field \"text\"")));
  EXPECT_THROW(documents({folder / "nothing"}, {"file"}), DataError);
}

}  // namespace
}  // namespace dsrun
