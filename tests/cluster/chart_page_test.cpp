// The page of a schedule: well-formed, self-contained, and safe from what a job is called.
#include <gtest/gtest.h>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/report/chart/markup.hpp"
#include "cluster/report/chart/page.hpp"
#include "tests/cluster/unit_replay.hpp"

namespace dsrun {
namespace {

std::string unit_page(const Job& job) {
  const Plan plan = make_plan(job);
  return schedule_page(plan, test::unit_forecast(plan), plan_memory(plan, {}), *catalog_model("cpu"));
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// One element's opening or closing tag from '<' on; what is wrong with it, or "".
std::string tag_fault(const std::string& tag, std::vector<std::string>& open) {
  const std::string name = tag.substr(tag[1] == '/' ? 2 : 1, tag.find_first_of(" />\n", 2) - (tag[1] == '/' ? 2 : 1));
  if (count_of(tag, "\"") % 2 != 0) return "a quote too few in " + tag;
  if (count_of(tag, "=\"") * 2 != count_of(tag, "\"")) return "an attribute without quotes in " + tag;
  if (tag[1] != '/') {
    if (tag[tag.size() - 2] != '/') open.push_back(name);
    return "";
  }
  if (open.empty() || open.back() != name) return "unexpected " + tag;
  open.pop_back();
  return "";
}

// Elements are nested and closed, attributes quoted, references known: XML, but for the first line.
std::string markup_fault(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = page.find('\n'); at < page.size(); ++at) {
    if (page[at] == '>') return "a bare > at " + page.substr(at, 40);
    if (page[at] == '&') {
      const std::string reference = page.substr(at, page.find(';', at) - at + 1);
      if (reference != "&amp;" && reference != "&lt;" && reference != "&gt;" && reference != "&quot;" &&
          reference != "&#39;")
        return "an unknown reference " + reference.substr(0, 40);
    }
    if (page[at] != '<') continue;
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const std::string fault = tag_fault(page.substr(at, end - at + 1), open);
    if (!fault.empty()) return fault;
    at = end;
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

TEST(SchedulePage, is_well_formed) {
  for (const char* schedule : {"1f1b", "dualpipe"})
    for (const int data : {1, 2}) EXPECT_EQ(markup_fault(unit_page(test::chart_job(schedule, 4, data))), "");
}

TEST(SchedulePage, shows_all_ranks_and_instructions) {
  const Job job = test::chart_job("dualpipe", 4, 2);
  const std::string page = unit_page(job);
  for (const char* ranks : {"ranks 0–1", "ranks 2–3", "ranks 4–5", "ranks 6–7"})
    EXPECT_EQ(count_of(page, ranks), 2) << ranks;  // a lane and a bar of memory
  for (const RankProgram& rank : make_plan(job).program.ranks)
    for (const Instruction& each : rank.instructions)
      EXPECT_NE(page.find("<title>" + escaped(to_string(each)) + ": "), std::string::npos) << to_string(each);
  for (const char* part : {"class=\"m-weights\"", "class=\"m-saved\"", "most activations: ", "peak: ", "warm-up"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
}

TEST(SchedulePage, needs_nothing_from_outside) {
  const std::string page = unit_page(test::chart_job("1f1b", 2));
  for (const char* part : {"http", "src=", "href=", "url(", "@import", "<script"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(SchedulePage, escapes_what_a_job_is_called) {
  Job job = test::chart_job("1f1b", 2);
  job.run.name = "</title><script>alert('1')</script>\"&\x01\xff\nü";
  const std::string page = unit_page(job);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;??\nü"),
            std::string::npos);
}

TEST(SchedulePage, of_a_long_program_is_small_and_always_the_same) {
  const Job job = test::chart_job("dualpipe", 16, 1, 256);
  const std::string page = unit_page(job);
  EXPECT_GT(make_plan(job).program.ranks[0].instructions.size(), 256u);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_EQ(page, unit_page(job));
}

}  // namespace
}  // namespace dsrun
