// What is made from the key table agrees with it and with the parser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"
#include "dsl/keys/schema.hpp"
#include "dsl/parse.hpp"
#include "dsl/presets.hpp"
#include "dsl/write.hpp"
#include "tests/support/num_fields.hpp"

namespace dsrun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Job smallest_job(const std::vector<std::string>& overrides = {}) {
  const ParseResult parsed = parse_job_text("[job]\nname = \"x\"\nsteps = 10\n", "job.toml", overrides);
  EXPECT_TRUE(parsed.job) << render(parsed.faults);
  return parsed.job.value_or(Job{});
}

// A table of to_json(), whose name may be that of one inside another.
json& table_of(json& tables, std::string_view name) {
  const std::size_t dot = name.find('.');
  json& outer = tables[std::string(name.substr(0, dot))];
  return dot == std::string_view::npos ? outer : table_of(outer, name.substr(dot + 1));
}

const json& properties(const json& schema, const std::string& table) {
  const json& tables = schema["properties"];
  const std::size_t dot = table.find('.');
  if (dot == std::string::npos) return tables[table]["properties"];
  const json& inner = properties(schema, table.substr(0, dot))[table.substr(dot + 1)];
  return inner.contains("items") ? inner["items"]["properties"] : inner["properties"];
}

TEST(Keys, each_path_once_with_help_in_a_known_table) {
  std::set<std::string> paths, tables;
  for (const TableHelp& table : job_tables()) tables.emplace(table.name);
  const auto check = [&](const auto& keys) {
    for (const auto& key : keys) {
      EXPECT_TRUE(paths.insert(key.path()).second) << key.path();
      EXPECT_TRUE(tables.contains(std::string(key.table))) << key.path();
      EXPECT_FALSE(key.help.empty()) << key.path();
      EXPECT_EQ(has_range(key), key.range.max > key.range.min && type_name(key.field) != "string" &&
                                    type_name(key.field) != "array of strings")
          << key.path();
    }
  };
  check(job_keys());
  check(node_keys());
}

// A member of a table's struct that has no row could be set by nobody.
TEST(Keys, are_all_that_the_structs_have) {
  using test::num_fields;
  std::map<std::string_view, std::size_t> rows;
  for (const Key<Job>& key : job_keys()) ++rows[key.table];
  EXPECT_EQ(rows["job"], num_fields<RunSpec>());
  // yarn_* are the members of one; byte_vocab and vocab_size are one key.
  EXPECT_EQ(rows["model"], num_fields<ModelSpec>() - 1 + num_fields<YarnSpec>() - 1);
  EXPECT_EQ(rows["parallel"], num_fields<ParallelSpec>() - 1);  // schedule_text is what a key's file says
  EXPECT_EQ(rows["batch"], num_fields<BatchSpec>());
  EXPECT_EQ(rows["data"], num_fields<DataSpec>());
  EXPECT_EQ(rows["optimizer"], num_fields<OptimizerSpec>());
  EXPECT_EQ(rows["balance"], num_fields<BalanceSpec>());
  EXPECT_EQ(rows["memory"], num_fields<MemorySpec>());
  EXPECT_EQ(rows["precision"], num_fields<PrecisionSpec>());
  EXPECT_EQ(rows["cluster"], num_fields<ClusterSpec>() - 4);  // tables of their own: nodes, link, network, ssh
  EXPECT_EQ(rows["cluster.link"], num_fields<LinkSpec>());
  EXPECT_EQ(rows["cluster.network"], num_fields<NetworkSpec>());
  EXPECT_EQ(rows["cluster.ssh"], num_fields<SshSpec>());
  EXPECT_EQ(node_keys().size(), num_fields<NodeSpec>());
}

// What a sentence of help may not be: long, or without a capital and a full stop; and words that say nothing alone.
std::string fault_of_help(std::string_view help) {
  if (help.empty() || help.back() != '.') return "it does not end with a full stop";
  if (std::islower(static_cast<unsigned char>(help[0])) != 0) return "it does not begin with a capital";
  for (const char* phrase : {"the same of", "so many", " of it ", " of it.", " told "})
    if (help.find(phrase) != std::string_view::npos) return fmt::format("it says \"{}\"", phrase);
  std::istringstream words{std::string(help)};
  int length = 0;
  for (std::string word; words >> word;) {
    if (++length > 25) return fmt::format("a sentence has more than 25 words at \"{}\"", word);
    if (word.back() == '.') length = 0;
  }
  return {};
}

TEST(Keys, help_is_in_short_sentences) {
  for (const Key<Job>& key : job_keys()) EXPECT_EQ(fault_of_help(key.help), "") << key.path();
  for (const Key<NodeSpec>& key : node_keys()) EXPECT_EQ(fault_of_help(key.help), "") << key.path();
  for (const TableHelp& table : job_tables()) EXPECT_EQ(fault_of_help(table.help), "") << table.name;
}

// What no resumed job may change, no running one may.
TEST(Keys, what_a_checkpoint_fixes_is_fixed_while_the_job_runs) {
  int num_fixed = 0;
  for (const Key<Job>& key : job_keys()) {
    if (key.change != Change::never) continue;
    EXPECT_EQ(key.live, LiveChange::never) << key.path();
    ++num_fixed;
  }
  EXPECT_GT(num_fixed, 20);
}

// A default that its own key refused would leave the field at the struct's zero and show up as another value here.
TEST(Keys, each_default_is_what_the_parser_gives) {
  std::vector<std::string> names = preset_names();
  names.emplace_back();
  for (const std::string& preset : names) {
    json job = to_json(smallest_job({"model.preset=" + preset}));
    for (const Key<Job>& key : job_keys()) {
      if (key.required() || key.default_text == "[]" || key.name == "preset") continue;
      const std::string_view text = default_under(preset, key.path(), key.default_text, key.preset_text);
      EXPECT_EQ(table_of(job, key.table)[std::string(key.name)], json::parse(text)) << key.path();
    }
  }
}

TEST(Keys, presets_name_keys_that_there_are) {
  for (const Preset& preset : presets())
    for (const PresetValue& value : preset.scaled)
      EXPECT_EQ(std::count_if(job_keys().begin(), job_keys().end(),
                              [&](const Key<Job>& key) { return key.path() == value.key; }),
                1)
          << preset.name << " " << value.key;
}

// Swapped fields would pass the tests of defaults that are equal: set each key to a value of its own, look at the rest.
TEST(Keys, each_key_fills_its_own_field) {
  json before = to_json(smallest_job());
  int num_checked = 0;
  for (const Key<Job>& key : job_keys()) {
    if (!has_range(key) || key.name == "mtp_depth" || key.table == "parallel") continue;
    const json old = table_of(before, key.table)[std::string(key.name)];
    const bool whole = old.is_number_integer() || old.is_string();
    const json wanted = old.is_string() ? json(1000) : whole ? json(old.get<std::int64_t>() * 2) : json();
    if (!whole || wanted == old) continue;
    const ParseResult parsed =
        parse_job_text("[job]\nname = \"x\"\nsteps = 10\n", "j", {key.path() + "=" + wanted.dump()});
    if (!parsed.job) continue;  // a rule between keys; faults_test has those
    json expected = before;
    table_of(expected, key.table)[std::string(key.name)] = wanted;
    EXPECT_EQ(to_json(*parsed.job), expected) << key.path();
    ++num_checked;
  }
  EXPECT_GE(num_checked, 15);
}

TEST(Schema, has_exactly_the_declared_keys) {
  const json schema = json_schema();
  EXPECT_EQ(schema["additionalProperties"], false);
  std::size_t declared = 0, listed = 0;
  const auto check = [&](const auto& keys) {
    for (const auto& key : keys) {
      const json& table = properties(schema, std::string(key.table));
      ASSERT_TRUE(table.contains(key.name)) << key.path();
      const json& entry = table[std::string(key.name)];
      EXPECT_TRUE(entry.contains("type") || entry.contains("enum") || entry.contains("anyOf")) << key.path();
      EXPECT_EQ(entry.contains("default"), !key.required()) << key.path();
      EXPECT_THAT(entry["description"].get<std::string>(), HasSubstr(std::string(key.help)));
      EXPECT_EQ(entry["x-change"], change_names[key.change]) << key.path();
      EXPECT_EQ(entry["x-live"], live_change_names[key.live]) << key.path();
      ++declared;
    }
  };
  check(job_keys());
  check(node_keys());
  for (const TableHelp& table : job_tables()) {
    listed += properties(schema, std::string(table.name)).size();
    if (table.name.find('.') != std::string_view::npos) ++declared;  // it is listed in the table around it
  }
  EXPECT_EQ(listed, declared);
}

TEST(Schema, types_ranges_and_names_are_the_parsers) {
  const json schema = json_schema();
  EXPECT_EQ(properties(schema, "model")["layers"]["type"], "integer");
  EXPECT_EQ(properties(schema, "model")["layers"]["minimum"], 1);
  EXPECT_EQ(properties(schema, "optimizer")["lr"]["type"], "number");
  EXPECT_EQ(properties(schema, "parallel")["schedule"]["enum"],
            json({"gpipe", "1f1b", "interleaved", "zb1p", "dualpipe", "dualpipev"}));
  EXPECT_EQ(properties(schema, "precision")["compute"]["enum"], json({"fp64", "fp32", "bf16"}));
  EXPECT_EQ(properties(schema, "model")["vocab"]["anyOf"][0]["const"], "byte");
  const json& recompute = properties(schema, "memory")["recompute"]["anyOf"];
  EXPECT_EQ(recompute[0]["const"], "full");
  EXPECT_EQ(recompute[1]["items"]["enum"], json({"rms_norm", "mla_up", "swiglu"}));
  EXPECT_EQ(properties(schema, "parallel")["layers_per_stage"]["items"]["type"], "integer");
  EXPECT_EQ(schema["properties"]["job"]["required"], json({"name", "steps"}));
  EXPECT_EQ(schema["properties"]["cluster"]["properties"]["node"]["items"]["required"], json({"devices"}));
}

TEST(ReferencePage, states_what_a_change_of_each_key_means) {
  const std::string page = reference_page();
  const auto check = [&](const auto& key) {
    std::istringstream lines(page.substr(page.find(fmt::format("[{}]", key.table))));
    std::string line;
    while (std::getline(lines, line) && !line.starts_with(fmt::format("| `{}` |", key.name))) {
    }
    EXPECT_THAT(line, HasSubstr(fmt::format("| {} | {} | {} |", change_names[key.change], live_change_names[key.live],
                                            key.help)));
  };
  for (const Key<Job>& key : job_keys()) check(key);
  for (const Key<NodeSpec>& key : node_keys()) check(key);
}

TEST(ReferencePage, the_committed_one_is_the_generated_one) {
  std::ifstream file(DSRUN_SOURCE_DIR "/docs/job-file.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == reference_page()) << "make it anew: dsrun schema --markdown > docs/job-file.md";
}

TEST(Examples, have_no_fault) {
  for (const char* name : {"quickstart", "bench", "one-device"}) {
    const ParseResult parsed = parse_job_file(std::string(DSRUN_SOURCE_DIR "/examples/") + name + ".toml");
    EXPECT_TRUE(parsed.job) << render(parsed.faults);
  }
}

}  // namespace
}  // namespace dsrun
