// Whatever bytes stand in a job file, the answer is a valid Job or faults that point into it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "dsl/parse.hpp"
#include "dsl/text/utf8.hpp"
#include "dsl/write.hpp"
#include "tests/support/trials.hpp"

namespace dsrun {
namespace {

using testing::HasSubstr;

std::string quickstart() {
  std::ifstream file(DSRUN_SOURCE_DIR "/examples/quickstart.toml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool well_formed(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

// A Job that a parse gives is whole; a fault has a place inside the text, words, and can be shown.
void expect_sane(const std::string& text) {
  const ParseResult parsed = parse_job_text(text, "job.toml");
  ASSERT_EQ(parsed.job.has_value(), parsed.faults.empty()) << text;
  if (parsed.job) {
    const ParseResult again = parse_job_text(to_toml(*parsed.job), "again.toml");
    ASSERT_TRUE(again.job) << text << render(again.faults);
    ASSERT_EQ(*again.job, *parsed.job) << text;
  }
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  for (const Diagnostic& fault : parsed.faults) {
    ASSERT_GE(fault.place.line, 0) << text;
    ASSERT_LE(fault.place.line, lines) << text;
    ASSERT_EQ(fault.place.line == 0, fault.place.column == 0) << text << render(fault);
    ASSERT_FALSE(fault.message.empty() || fault.help.empty()) << text;
  }
  ASSERT_TRUE(well_formed(render(parsed.faults)));
}

std::string mutated(std::string text, std::mt19937& random) {
  static const std::vector<std::string> pieces = {"\"",
                                                  "'",
                                                  "[",
                                                  "]",
                                                  "[[",
                                                  "]]",
                                                  "{",
                                                  "}",
                                                  "=",
                                                  ".",
                                                  ",",
                                                  "\n",
                                                  "#",
                                                  "\\",
                                                  "-",
                                                  "0",
                                                  "9999999999999999999999",
                                                  "1e999",
                                                  "nan",
                                                  "true",
                                                  "\"\"\"",
                                                  "\r",
                                                  "\xc3",
                                                  "\xed\xa0\x80",
                                                  "ä",
                                                  "[job]\n",
                                                  "[[cluster.node]]\n",
                                                  "layers = 0\n",
                                                  "2024-01-01T00:00:00Z",
                                                  "\\uD800",
                                                  "[]",
                                                  "{}",
                                                  "0x",
                                                  "_",
                                                  std::string(1, '\0')};
  const auto any = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n)(random); };
  for (std::size_t edits = any(3) + 1; edits > 0; --edits) {
    const std::size_t at = any(text.size());
    switch (any(3)) {
      case 0:
        text.insert(at, pieces[any(pieces.size() - 1)]);
        break;
      case 1:
        text.erase(at, any(12));
        break;
      case 2:
        text.insert(at, text.substr(any(text.size()), any(60)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(any(255));
    }
  }
  return text;
}

TEST(Robustness, mutations_of_a_valid_file) {
  const std::string valid = quickstart();
  ASSERT_TRUE(parse_job_text(valid, "job.toml").job);
  std::mt19937 random(20240607);
  int num_valid = 0;
  constexpr int num_mutations = test::trials(1500);
  for (int i = 0; i < num_mutations; ++i) {
    const std::string text = mutated(valid, random);
    ASSERT_NO_FATAL_FAILURE(expect_sane(text)) << "mutation " << i;
    if (parse_job_text(text, "job.toml").job) ++num_valid;
  }
  EXPECT_GT(num_valid, num_mutations / 30);  // both answers were exercised
  EXPECT_LT(num_valid, num_mutations * 2 / 3);
}

TEST(Robustness, every_prefix_of_a_valid_file) {
  const std::string valid = quickstart();
  for (std::size_t size = 0; size < valid.size(); size += 7)
    ASSERT_NO_FATAL_FAILURE(expect_sane(valid.substr(0, size)));
}

TEST(Robustness, nesting_that_would_exhaust_the_stack) {
  std::string dots = "a";
  for (int i = 0; i < 400000; ++i) dots += ".a";
  std::string quoted = "\"a\"";
  for (int i = 0; i < 150000; ++i) quoted += " . 'a'";
  for (const std::string& text : {dots + " = 1", "[" + dots + "]", "[[" + dots + "]]", "x = {" + dots + " = 1}",
                                  "[" + quoted + "]", std::string("[\"=\".") + dots + "]"})
    EXPECT_THAT(parse_job_text(text, "job.toml").faults.at(0).message, HasSubstr("dots")) << text.substr(0, 20);
  expect_sane("x = " + std::string(300000, '['));
  expect_sane("x = " + std::string(1000, '{'));
}

TEST(Robustness, malformed_utf8_of_every_kind) {
  for (const char* bytes : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80",
                            "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x98"}) {
    const ParseResult parsed = parse_job_text("[job]\n# " + std::string(bytes), "job.toml");
    ASSERT_EQ(parsed.faults.size(), 1u);
    EXPECT_THAT(parsed.faults[0].message, HasSubstr("malformed UTF-8"));
    EXPECT_EQ(parsed.faults[0].place.line, 2);
    EXPECT_EQ(parsed.faults[0].place.column, 3);
  }
  EXPECT_THAT(parse_job_text(std::string("[job]\n\0", 7), "j").faults.at(0).message, HasSubstr("NUL"));
}

TEST(Robustness, sizes) {
  EXPECT_THAT(parse_job_text(std::string(2 << 20, '#'), "j").faults.at(0).message, HasSubstr("too large"));
  std::string many = "[job]\nname = \"x\"\nsteps = 1\n[model]\n";
  for (int i = 0; i < 5000; ++i) many += "unknown_" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(parse_job_text(many, "j").faults.size(), 5000u);
  std::string line = "model = {";
  for (int i = 0; i < 5000; ++i) line += "unknown_" + std::to_string(i) + " = 1, ";
  EXPECT_EQ(parse_job_text(line + "heads = 1}\n", "j").faults.size(), 5002u);
}

TEST(Robustness, numbers_at_their_ends_overflow_nothing) {
  std::string nodes = "[job]\nname = \"x\"\nsteps = 1\n";
  for (int i = 0; i < 4096; ++i) nodes += "[[cluster.node]]\ndevices = 65536\n";
  expect_sane(nodes);
  expect_sane(
      "[job]\nname = \"x\"\nsteps = 1000000000000\n[model]\nexperts = 1000000\nexpert_groups = 1\n"
      "groups_per_token = 1000000\n[parallel]\npipeline = 4096\ndata = 65536\n[batch]\nsequences = 1073741824\n"
      "length = 1000000\nmicrobatches = 1073741824\n");
}

}  // namespace
}  // namespace dsrun
