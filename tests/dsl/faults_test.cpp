// Every kind of fault, with its exact place. A new rule is a row here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "dsl/parse.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Lines 1 to 3 of every case; its own text begins at line 4.
constexpr std::string_view head = "[job]\nname = \"x\"\nsteps = 10\n";

struct FaultCase {
  std::string_view name;
  std::string_view text;
  int line;
  int column;
  std::string_view key;
  std::string_view message;  // a part of it
  std::string_view help;     // a part of it
  int other_line = 0;
  int other_column = 0;
  std::string_view other_key = "";
};
void PrintTo(const FaultCase& each, std::ostream* out) { *out << each.name; }

class Fault : public testing::TestWithParam<FaultCase> {};

TEST_P(Fault, is_reported_with_its_place) {
  const FaultCase& expected = GetParam();
  const ParseResult parsed = parse_job_text(std::string(head) + std::string(expected.text), "job.toml");
  EXPECT_FALSE(parsed.job);
  ASSERT_EQ(parsed.faults.size(), 1u) << render(parsed.faults);
  const Diagnostic& fault = parsed.faults[0];
  EXPECT_EQ(fault.place.file, "job.toml");
  EXPECT_EQ(fault.place.line, expected.line) << render(fault);
  EXPECT_EQ(fault.place.column, expected.column) << render(fault);
  EXPECT_EQ(fault.place.key, expected.key);
  EXPECT_THAT(fault.message, HasSubstr(expected.message));
  EXPECT_THAT(fault.help, HasSubstr(expected.help));
  ASSERT_EQ(fault.other.has_value(), expected.other_line != 0) << render(fault);
  if (!fault.other) return;
  EXPECT_EQ(fault.other->line, expected.other_line);
  EXPECT_EQ(fault.other->column, expected.other_column);
  EXPECT_EQ(fault.other->key, expected.other_key);
}

constexpr FaultCase text_cases[] = {
    {"syntax", "[model]\nlayers = = 3\n", 5, 10, "", "", "toml.io"},
    {"duplicate_table", "[model]\n[model]\n", 5, 1, "", "redefine", "toml.io"},
    {"duplicate_key", "[model]\nheads = 2\nheads = 2\n", 6, 9, "", "redefine", "toml.io"},
    {"malformed_utf8", "[model]\npreset = \"\xc3\x28\"\n", 5, 11, "", "malformed UTF-8: byte 0xc3", "UTF-8"},
    {"malformed_after_wide", "# \xc3\xa4\xf0\x9f\x98\x80\xff\n", 4, 5, "", "byte 0xff", "UTF-8"},
};

constexpr FaultCase key_cases[] = {
    {"unknown_table", "[modle]\n", 4, 2, "modle", "unknown table [modle]", "did you mean model?"},
    {"unknown_key", "[model]\nlayres = 3\n", 5, 1, "model.layres", "unknown key", "did you mean layers?"},
    {"unknown_key_far", "[model]\nzzzzzzzz = 3\n", 5, 1, "model.zzzzzzzz", "unknown key",
     "known names are preset, layers"},
    {"key_of_another_table", "[model]\nlr = 0.1\n", 5, 1, "model.lr", "unknown key", "optimizer.lr?"},
    {"unknown_node_key", "[[cluster.node]]\ndevices = 1\nhots = \"a\"\n", 6, 1, "cluster.node.0.hots", "unknown key",
     "did you mean host?"},
    {"quoted_key", "[model]\n  \"la.yers\" = 3\n", 5, 3, "model.la.yers", "unknown key", "layers"},
    {"not_a_table", "[model]\n[batch]\n[data]\n[parallel]\n[[balance]]\n", 8, 1, "balance", "an array, not a table",
     "[balance]"},
    {"string_for_integer", "[model]\nlayers = \"3\"\n", 5, 10, "model.layers", "is a string, not an integer",
     "integer from 1 to 10000 in layers"},
    {"float_for_integer", "[model]\nlayers =   3.0\n", 5, 12, "model.layers", "is a number, not an integer", "integer"},
    {"date_for_string", "[model]\npreset = 2024-01-01\n", 5, 10, "model.preset", "is a date or time, not a string",
     "\"deepseek-v3\""},
    {"boolean_for_number", "[optimizer]\nlr = true\n", 5, 6, "optimizer.lr", "is a boolean, not a number", "number"},
    {"integer_for_boolean", "[cluster]\npin_cores = 1\n", 5, 13, "cluster.pin_cores", "not a boolean", "boolean"},
    {"string_for_array", "[data]\nfiles = \"a\"\n", 5, 9, "data.files", "is a string, not an array of strings",
     "globs"},
    {"entry_of_array", "[data]\nfiles = [\"a\",\n  3]\n", 6, 3, "data.files", "has an integer, not a string", "globs"},
    {"empty_entry", "[data]\nfiles = [\"a\", \"\"]\n", 5, 15, "data.files", "an entry that is empty", "globs"},
    {"control_character", "[data]\nfiles = [\"a\\u0000b\"]\n", 5, 10, "data.files", "control character", "globs"},
    {"entry_out_of_range", "[parallel]\nlayers_per_stage = [4, 0]\n", 5, 24, "parallel.layers_per_stage",
     "has 0, which is out of range", "from 1"},
    {"below_range", "[model]\nheads = 0\n", 5, 9, "model.heads", "is 0, which is out of range", "from 1"},
    {"above_range", "[data]\nvalidation_fraction = 1.5\n", 5, 23, "data.validation_fraction", "1.5", "from 0 to 0.9"},
    {"not_a_number", "[optimizer]\nlr = nan\n", 5, 6, "optimizer.lr", "is nan", "from 0"},
    {"infinite", "[optimizer]\nlr = inf\n", 5, 6, "optimizer.lr", "is inf", "from 0"},
    {"unknown_schedule", "[parallel]\nschedule = \"dualpip\"\n", 5, 12, "parallel.schedule", "\"dualpip\"",
     "did you mean \"dualpipe\"? \"gpipe\" or \"1f1b\""},
    {"unknown_preset", "[model]\npreset = \"gpt\"\n", 5, 10, "model.preset", "\"gpt\"", "\"deepseek-v3\""},
    {"unknown_optimizer", "[optimizer]\nkind = \"sgd\"\n", 5, 8, "optimizer.kind", "\"sgd\"", "\"adamw\""},
    {"unknown_precision", "[precision]\ncompute = \"bf61\"\n", 5, 11, "precision.compute", "\"bf61\"",
     "did you mean \"bf16\"?"},
    {"unknown_kind", "[[cluster.node]]\ndevices = 1\nkind = \"gpu\"\n", 6, 8, "cluster.node.0.kind", "\"gpu\"",
     "\"cpu\""},
    {"vocab_word", "[model]\nvocab = \"bytes\"\n", 5, 9, "model.vocab", "neither \"byte\" nor an integer", "\"byte\""},
    {"vocab_size", "[model]\nvocab = 1\n", 5, 9, "model.vocab", "out of range", "from 2"},
    {"selection_word", "[memory]\nrecompute = \"fulll\"\n", 5, 13, "memory.recompute", "is \"fulll\", which is unknown",
     "did you mean \"full\"?"},
    {"selection_name", "[memory]\nrecompute = [\"swiglu\", \"mla_upp\"]\n", 5, 24, "memory.recompute",
     "has \"mla_upp\", which is unknown", "did you mean \"mla_up\"? \"full\" or array of"},
    {"selection_type", "[memory]\nrecompute = true\n", 5, 13, "memory.recompute",
     "is a boolean, not \"full\" or array of \"rms_norm\"", "RMSNorms"},
    {"selection_entry", "[memory]\nrecompute = [1]\n", 5, 14, "memory.recompute", "has an integer, not a string",
     "\"full\" or array of"},
    {"node_without_devices", "[[cluster.node]]\n", 4, 1, "cluster.node.0.devices", "is missing", "devices"},
    {"link_not_a_table", "[cluster]\nlink = 5\n", 5, 8, "cluster.link", "not a table", "[cluster.link]"},
    {"unknown_link_key", "[cluster.link]\nlatency = 5\n", 5, 1, "cluster.link.latency", "unknown key", "latency_us"},
    {"link_too_slow", "[cluster.link]\ngb_per_s = 1e-9\n", 5, 12, "cluster.link.gb_per_s", "GB/s", "or 0"},
    {"network_link_too_slow", "[cluster.link]\nnetwork_gb_per_s = 1e-9\n", 5, 20, "cluster.link.network_gb_per_s",
     "GB/s", "or 0 for the rate inside"},
    {"latency_beyond_the_deadline", "[cluster]\npeer_timeout_secs = 1\n[cluster.link]\nlatency_us = 2e6\n", 7, 14,
     "cluster.link.latency_us", "ends the job", "peer_timeout_secs", 5, 21, "cluster.peer_timeout_secs"},
    {"node_not_an_array", "[cluster.node]\ndevices = 1\n", 4, 1, "cluster.node", "array of 1 to", "[[cluster.node]]"},
};

constexpr FaultCase rule_cases[] = {
    {"dense_layers", "[model]\nlayers = 2\ndense_layers = 3\n", 6, 16, "model.dense_layers", "3 dense layers of 2",
     "at most", 5, 10, "model.layers"},
    {"dense_layers_default", "[model]\ndense_layers = 5\n", 5, 16, "model.dense_layers",
     "5 dense layers of 4 layers (model.layers has its default)", "at most"},
    {"odd_rope", "[model]\nrope_dim = 7\n", 5, 12, "model.rope_dim", "odd", "even"},
    {"expert_groups", "[model]\nexperts = 16\nexpert_groups = 3\n", 6, 17, "model.expert_groups", "does not divide",
     "multiple", 5, 11, "model.experts"},
    {"groups_per_token", "[model]\ngroups_per_token = 5\n", 5, 20, "model.groups_per_token", "5 groups", "at most"},
    {"kept_groups", "[model]\ngroups_per_token = 1\nexperts_per_token = 5\n", 6, 21, "model.experts_per_token",
     "hold only 4", "lower", 5, 20, "model.groups_per_token"},
    {"expert_divides_data", "[parallel]\ndata = 4\nexpert = 3\n[model]\nexperts = 48\n", 6, 10, "parallel.expert",
     "parallel.expert = 3 does not divide parallel.data = 4", "multiple", 5, 8, "parallel.data"},
    {"expert_divides_experts", "[parallel]\ndata = 3\nexpert = 3\n[batch]\nsequences = 3\n", 6, 10, "parallel.expert",
     "does not divide model.experts = 16 (model.experts has its default)", "multiple"},
    {"empty_stage", "[parallel]\npipeline = 5\n", 5, 12, "parallel.pipeline", "would be empty", "at most"},
    {"stage_count", "[parallel]\npipeline = 2\nlayers_per_stage = [4]\n", 6, 20, "parallel.layers_per_stage",
     "1 entries for 2", "one entry", 5, 12, "parallel.pipeline"},
    {"stage_sum", "[model]\nlayers = 4\n[parallel]\npipeline = 2\nlayers_per_stage = [2, 3]\n", 8, 20,
     "parallel.layers_per_stage", "5 layers, the model has 4", "sum to 4", 5, 10, "model.layers"},
    {"odd_dualpipe", "[parallel]\npipeline = 3\nschedule = \"dualpipe\"\n[batch]\nmicrobatches = 8\n", 6, 12,
     "parallel.schedule", "even", "another parallel.pipeline", 5, 12, "parallel.pipeline"},
    {"few_microbatches", "[parallel]\npipeline = 2\nschedule = \"dualpipe\"\n[batch]\nmicrobatches = 2\n", 6, 12,
     "parallel.schedule", "", "batch.microbatches = 4", 8, 16, "batch.microbatches"},
    {"stages_of_1f1b", "[parallel]\nstages_per_rank = 2\n", 5, 19, "parallel.stages_per_rank",
     "1f1b has 1 stage a rank, not 2 (parallel.schedule has its default)", "interleaved"},
    {"stages_of_dualpipe",
     "[parallel]\npipeline = 2\nschedule = \"dualpipe\"\nstages_per_rank = 3\n[batch]\nmicrobatches = 4\n", 7, 19,
     "parallel.stages_per_rank", "dualpipe has 2 stages a rank, not 3", "leave it out", 6, 12, "parallel.schedule"},
    {"one_stage_interleaved", "[parallel]\nschedule = \"interleaved\"\nstages_per_rank = 1\n", 6, 19,
     "parallel.stages_per_rank", "from 2 to 256", "another number", 5, 12, "parallel.schedule"},
    {"empty_interleaved_stage",
     "[parallel]\npipeline = 2\nschedule = \"interleaved\"\nstages_per_rank = 3\n[batch]\nmicrobatches = 2\n", 5, 12,
     "parallel.pipeline", "6 pipeline stages (on 2 ranks) of 4 layers", "at most as many stages"},
    {"stage_count_of_dualpipev",
     "[parallel]\npipeline = 2\nschedule = \"dualpipev\"\nlayers_per_stage = [2, 2]\n[batch]\nmicrobatches = 4\n", 7,
     20, "parallel.layers_per_stage", "2 entries for 4 pipeline stages", "one entry", 5, 12, "parallel.pipeline"},
    {"interleaved_microbatches",
     "[parallel]\npipeline = 2\nschedule = \"interleaved\"\n[batch]\nmicrobatches = 3\nsequences = 3\n", 6, 12,
     "parallel.schedule", "a multiple of 2 microbatches, not 3", "batch.microbatches = 4", 8, 16, "batch.microbatches"},
    {"few_for_dualpipev", "[parallel]\npipeline = 2\nschedule = \"dualpipev\"\n[batch]\nmicrobatches = 2\n", 6, 12,
     "parallel.schedule", "at least 4 microbatches, not 2", "batch.microbatches = 4", 8, 16, "batch.microbatches"},
    {"sequences", "[parallel]\ndata = 2\n[batch]\nsequences = 10\nmicrobatches = 3\n", 7, 13, "batch.sequences",
     "10 sequences do not divide", "a multiple of 6", 8, 16, "batch.microbatches"},
    {"huge_microbatch", "[batch]\nsequences = 1000000\nlength = 100000\n", 6, 10, "batch.length", "100000000000 tokens",
     "at most", 5, 13, "batch.sequences"},
    {"final_lr", "[optimizer]\nlr = 0.1\nfinal_lr = 0.2\n", 6, 12, "optimizer.final_lr", "0.2 is above", "at most", 5,
     6, "optimizer.lr"},
    {"two_kinds",
     "[parallel]\ndata = 2\n[[cluster.node]]\ndevices = 1\n[[cluster.node]]\nhost = \"far\"\ndevices = 1\n"
     "kind = \"h800\"\n",
     11, 8, "cluster.node.1.kind", "of kind \"cpu\" and \"h800\"", "of one kind"},
    {"same_host_twice",
     "[parallel]\ndata = 2\n[[cluster.node]]\nhost = \"far\"\ndevices = 1\n[[cluster.node]]\n"
     "host = \"far\"\ndevices = 1\n",
     10, 8, "cluster.node.1.host", "there twice", "one [[cluster.node]]", 7, 8, "cluster.node.0.host"},
    {"two_hops_within_a_node", "[parallel]\ndata = 2\nexpert = 2\ndispatch = \"two_hop\"\n", 7, 12, "parallel.dispatch",
     "each expert group lies within one node", "\"auto\"", 6, 10, "parallel.expert"},
    {"two_hops_of_one_device_a_node",
     "[parallel]\ndata = 2\nexpert = 2\ndispatch = \"two_hop\"\n[[cluster.node]]\ndevices = 1\ncount = 2\n", 7, 12,
     "parallel.dispatch", "ranks 0 to 1 has one device on each node", "two or more", 6, 10, "parallel.expert"},
    {"two_hops_of_uneven_nodes",
     "[parallel]\ndata = 4\nexpert = 4\ndispatch = \"two_hop\"\n[[cluster.node]]\ndevices = 1\n[[cluster.node]]\n"
     "devices = 3\n",
     7, 12, "parallel.dispatch", "as many devices on each node: 1 and 3", "equally many", 6, 10, "parallel.expert"},
    {"devices", "[parallel]\ndata = 2\n[[cluster.node]]\ndevices = 3\n", 7, 11, "cluster.node.0.devices",
     "3 devices for 2 ranks", "sum to 2", 5, 8, "parallel.data"},
};

std::string name_of(const testing::TestParamInfo<FaultCase>& info) { return std::string(info.param.name); }
INSTANTIATE_TEST_SUITE_P(text, Fault, testing::ValuesIn(text_cases), name_of);
INSTANTIATE_TEST_SUITE_P(key, Fault, testing::ValuesIn(key_cases), name_of);
INSTANTIATE_TEST_SUITE_P(rule, Fault, testing::ValuesIn(rule_cases), name_of);

std::vector<std::string> keys(const ParseResult& parsed) {
  std::vector<std::string> all;
  for (const Diagnostic& fault : parsed.faults) all.push_back(fault.place.key);
  return all;
}

TEST(Faults, all_at_once_in_the_order_of_lines) {
  const ParseResult parsed = parse_job_text(
      "[optimizer]\nlr = true\nfinal_lr = 0.2\n[job]\nsteps = -1\n[model]\nlayres = 3\nrope_dim = 5\n[parallel]\n"
      "data = 4\nexpert = 3\n",
      "job.toml", {"model.heads=0"});
  EXPECT_THAT(keys(parsed), ElementsAre("optimizer.lr", "job.name", "job.steps", "model.layres", "model.rope_dim",
                                        "parallel.expert", "parallel.expert", "model.heads"));
}

// line:column of each fault.
std::vector<std::string> positions(const ParseResult& parsed) {
  std::vector<std::string> all;
  for (const Diagnostic& fault : parsed.faults)
    all.push_back(fmt::format("{}:{}", fault.place.line, fault.place.column));
  return all;
}

TEST(Faults, syntax_bytes_and_keys_at_once) {
  const ParseResult parsed = parse_job_text(
      "[job]\nname = \"a\"\nsteps = \n[model]\nlayres = 4\n# \xff\nheads = 8\nheads = 9\n[paralel\ndata = \n"
      "[optimizer]\nlr = true\n",
      "job.toml");
  EXPECT_THAT(keys(parsed), ElementsAre("", "model.layres", "", "", "", "", "optimizer.lr"));
  EXPECT_EQ(parsed.faults[0].place.line, 3);
  EXPECT_EQ(parsed.faults[2].place.line, 6);
  EXPECT_EQ(parsed.faults[3].place.line, 8);
  EXPECT_EQ(parsed.faults[4].place.line, 9);
  EXPECT_EQ(parsed.faults[5].place.line, 10);  // of the table whose header is unreadable
}

TEST(Faults, rules_between_keys_hold_behind_a_syntax_error_where_both_keys_can_be_read) {
  const ParseResult parsed = parse_job_text(
      "[job]\nname = \"a\"\nsteps = 1\n[parallel]\ndata = 4\nexpert = 3\npipeline = = 2\n[model]\nlayers = 2\n",
      "job.toml");
  EXPECT_THAT(keys(parsed), ElementsAre("parallel.expert", ""));  // not against experts, which may stand in line 7
  EXPECT_EQ(parsed.faults[0].other->key, "parallel.data");
}

TEST(Faults, malformed_utf8_on_every_line_that_has_it) {
  EXPECT_THAT(positions(parse_job_text("[job]\n# \xff\xff\nname = \"a\"\nsteps = \"\xc3\"\n", "j")),
              ElementsAre("2:3", "4:10"));
}

TEST(Faults, an_array_left_open_hides_nothing_below) {
  const ParseResult parsed =
      parse_job_text("[job]\nname = \"a\"\nsteps = 1\n[data]\nfiles = [\n[model]\nlayres = 3\nheads = 0\n", "j");
  EXPECT_THAT(keys(parsed), testing::IsSupersetOf({"model.layres", "model.heads"}));
  EXPECT_LE(parsed.faults.size(), 4U);
}

TEST(Faults, a_faulty_key_breaks_no_rule) {
  EXPECT_THAT(keys(parse_job_text("[job]\nname = \"x\"\nsteps = 1\n[optimizer]\nlr = \"low\"\nfinal_lr = 0.5\n", "j")),
              ElementsAre("optimizer.lr"));
}

TEST(Faults, a_pipeline_that_does_not_fit_hides_no_fault_of_the_microbatches) {
  const ParseResult parsed = parse_job_text(
      "[job]\nname = \"a\"\nsteps = 1\n[parallel]\npipeline = 3\nschedule = \"dualpipe\"\n[batch]\nmicrobatches = 3\n"
      "sequences = 3\n",
      "job.toml");
  EXPECT_THAT(keys(parsed), ElementsAre("parallel.schedule", "parallel.schedule"));
  EXPECT_EQ(parsed.faults[1].other->key, "batch.microbatches");
}

TEST(Faults, more_tokens_than_can_be_counted) {
  const ParseResult parsed =
      parse_job_text("[job]\nname = \"a\"\nsteps = 1000000000000\n[batch]\nlength = 1000000\n", "job.toml");
  EXPECT_THAT(keys(parsed), testing::Contains("job.steps"));
}

TEST(Faults, a_number_beyond_range_is_no_word) {
  const ParseResult parsed = parse_job_text("[job]\nname = \"a\"\n", "job.toml", {"job.steps=99999999999999999999"});
  ASSERT_EQ(parsed.faults.size(), 2U);
  EXPECT_NE(parsed.faults.back().message.find("not representable"), std::string::npos);
}

TEST(Faults, required_keys_are_named_where_their_table_is) {
  const ParseResult empty = parse_job_text("", "job.toml");
  EXPECT_THAT(keys(empty), ElementsAre("job.name", "job.steps"));
  EXPECT_EQ(empty.faults[0].place.line, 0);
  const ParseResult table = parse_job_text("\n[job]\nname = \"x\"\n", "job.toml");
  ASSERT_THAT(keys(table), ElementsAre("job.steps"));
  EXPECT_EQ(table.faults[0].place.line, 2);
}

TEST(Faults, a_run_needs_a_name_that_can_be_a_folder) {
  for (const char* name : {"a/b", "..", ".x", "-x", "a b", "ä", ""})
    EXPECT_THAT(keys(parse_job_text("[job]\nsteps = 1\nname = \"" + std::string(name) + "\"\n", "j")),
                ElementsAre("job.name"))
        << name;
}

TEST(Faults, files_that_cannot_be_read) {
  EXPECT_THAT(parse_job_file("/nowhere/job.toml").faults.at(0).message, HasSubstr("no such file"));
  EXPECT_THAT(parse_job_file("/").faults.at(0).message, HasSubstr("a folder"));
  EXPECT_THAT(parse_job_file("/dev/zero").faults.at(0).message, HasSubstr("too large"));
}

}  // namespace
}  // namespace dsrun
