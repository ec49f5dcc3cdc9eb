// How faults look, and the words they suggest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dsl/parse.hpp"
#include "dsl/text/suggest.hpp"

namespace dsrun {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Render, shows_both_lines_with_a_caret_each_and_the_help) {
  const ParseResult parsed = parse_job_text(
      "[job]\nname = \"x\"\nsteps = 9\n[model]\nexperts = 48\n[parallel]\n\tdata = 4\n\texpert = 3\n", "cluster.toml");
  EXPECT_EQ(render(parsed.faults),
            "cluster.toml:8:11: fault: parallel.expert = 3 does not divide parallel.data = 4\n"
            "    8 | \texpert = 3\n"
            "      | \t         ^\n"
            "  and cluster.toml:7:9: parallel.data\n"
            "    7 | \tdata = 4\n"
            "      | \t       ^\n"
            "  help: make parallel.data a multiple of parallel.expert\n"
            "\n"
            "1 fault\n");
}

TEST(Render, a_caret_stands_below_its_character_not_its_byte) {
  const ParseResult parsed = parse_job_text("[job]\nname = \"x\"\nsteps = 9\nmodel = {'ä' = 1}\n", "j");
  ASSERT_FALSE(parsed.faults.empty());
  EXPECT_THAT(render(parsed.faults), HasSubstr("    4 | model = {'ä' = 1}\n"));
  const ParseResult later = parse_job_text("job = {name = 'ä', steps = -1}\n", "j");
  EXPECT_THAT(render(later.faults), HasSubstr("j:1:28: fault: job.steps is -1"));
  EXPECT_THAT(render(later.faults), HasSubstr("\n      |                            ^\n"));
}

TEST(Render, colours_only_when_asked_to) {
  const ParseResult parsed = parse_job_text("", "job.toml");
  EXPECT_THAT(render(parsed.faults, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render(parsed.faults, true), HasSubstr("\x1b[1;31mfault\x1b[0m"));
}

TEST(Render, nothing_a_file_holds_reaches_the_terminal_as_a_command) {
  const std::string text = "[job]\nname = \"\\u001b[31m\\u009b\"\nsteps = 1\n[\"\\u001b]0;x\"]\n";
  const std::string shown =
      render(parse_job_text(text, "\x1b[2J", {"a\x1b.b=\x1b", "job.steps=\xff\x1b", "\xc2\x9b.x=1"}).faults);
  EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shown, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(shown, Not(HasSubstr("\xff")));
}

TEST(Suggest, the_nearest_word_if_it_is_near) {
  const std::vector<std::string> known{"layers", "heads", "hidden", "dense_layers"};
  EXPECT_EQ(nearest("layres", known), "layers");
  EXPECT_EQ(nearest("head", known), "heads");
  EXPECT_EQ(nearest("dense_layer", known), "dense_layers");
  EXPECT_EQ(nearest("optimizer", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'a'), known), "");
}

}  // namespace
}  // namespace dsrun
