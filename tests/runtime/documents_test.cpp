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

TEST(Documents, say_which_line_is_wrong) {
  const TemporaryFolder folder;
  const auto fault = [&](const std::string& line) -> std::string {
    write_text(folder / "file", "{\"text\": \"good\"}\n\n" + line + "\n");
    try {
      documents({folder / "file"}, {"jsonl"});
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(fault("{\"text\": "), HasSubstr(folder / "file: line 3: not an object in JSON"));
  EXPECT_THAT(fault("[1]"), HasSubstr("line 3: not an object"));
  EXPECT_THAT(fault("{\"body\": \"a\"}"), HasSubstr("line 3: the object has no field \"text\""));
  EXPECT_THAT(fault("{\"text\": 1}"), HasSubstr("line 3: the field \"text\" is no string"));
  EXPECT_THAT(fault(std::string(100'000, '[')), HasSubstr("line 3"));
  EXPECT_THROW(documents({folder / "nothing"}, {"file"}), DataError);
}

}  // namespace
}  // namespace dsrun
