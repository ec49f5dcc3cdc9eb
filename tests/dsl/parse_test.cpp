// From text to Job: defaults, presets, overrides, and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dsl/parse.hpp"
#include "dsl/presets.hpp"
#include "dsl/write.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* smallest = "[job]\nname = \"x\"\nsteps = 10\n";

Job parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const ParseResult parsed = parse_job_text(text, "job.toml", overrides);
  EXPECT_TRUE(parsed.job) << render(parsed.faults);
  return parsed.job.value_or(Job{});
}

Diagnostic only_fault(const std::string& override) {
  const ParseResult parsed = parse_job_text(smallest, "job.toml", {override});
  EXPECT_EQ(parsed.faults.size(), 1u) << override << "\n" << render(parsed.faults);
  return parsed.faults.empty() ? Diagnostic{} : parsed.faults[0];
}

TEST(Parse, leaves_no_default_open) {
  const Job job = parse(smallest);
  EXPECT_EQ(job.run.name, "x");
  EXPECT_EQ(job.run.steps, 10);
  EXPECT_EQ(job.run.seed, 1u);
  EXPECT_EQ(job.parallel.schedule, "1f1b");
  EXPECT_THAT(job.parallel.layers_per_stage, ElementsAre());  // balanced by the plan
  EXPECT_TRUE(job.model.byte_vocab);
  EXPECT_EQ(job.model.vocab_size, 256);
  EXPECT_EQ(job.data.validation_fraction, 0.05);
  EXPECT_EQ(job.data.validate_every_steps, 100);
  EXPECT_EQ(job.optimizer.beta1, 0.9);
  EXPECT_EQ(job.optimizer.beta2, 0.95);
  EXPECT_EQ(job.optimizer.eps, 1e-8);
  EXPECT_EQ(job.balance.bias_speed, 0.001);
  EXPECT_EQ(job.precision.compute, Precision::fp32);
  EXPECT_EQ(job.cluster.peer_timeout_secs, 60);
  EXPECT_THAT(job.cluster.nodes, ElementsAre(NodeSpec{"localhost", 1, "cpu"}));
}

TEST(Parse, recompute_is_a_word_or_names) {
  const auto recompute = [](const std::vector<std::string>& overrides) {
    return parse(smallest, overrides).memory.recompute;
  };
  EXPECT_EQ(recompute({}), RecomputeSpec{});
  EXPECT_EQ(recompute({"memory.recompute=full"}), RecomputeSpec{.full = true});
  EXPECT_EQ(recompute({"memory.recompute=[\"swiglu\", \"rms_norm\"]"}),
            (RecomputeSpec{.rms_norm = true, .swiglu = true}));
  EXPECT_EQ(recompute({"memory.recompute=full", "memory.recompute=[\"mla_up\"]"}), RecomputeSpec{.mla_up = true});
}

TEST(Parse, a_link_is_a_table_inside_cluster) {
  const std::string text = std::string(smallest) + "[cluster.link]\nlatency_us = 5\n";
  EXPECT_EQ(parse(text).cluster.link, (LinkSpec{5, 0}));
  EXPECT_EQ(parse(text, {"cluster.link.latency_us=50", "cluster.link.gb_per_s=0.5"}).cluster.link, (LinkSpec{50, 0.5}));
  EXPECT_FALSE(parse(smallest).cluster.link.emulated());
  const LinkSpec slower = parse(text, {"cluster.link.network_gb_per_s=0.1"}).cluster.link;
  EXPECT_EQ(slower.between_nodes(), (LinkSpec{5, 0.1}));
  EXPECT_TRUE(slower.emulated());
}

TEST(Parse, without_nodes_one_localhost_has_a_device_for_each_rank) {
  const Job job = parse(smallest, {"parallel.pipeline=2", "parallel.data=4"});
  EXPECT_THAT(job.cluster.nodes, ElementsAre(NodeSpec{"localhost", 8, "cpu"}));
}

TEST(Parse, localhost_may_stand_for_several_nodes) {
  const Job job = parse(smallest, {"parallel.data=4", "parallel.expert=4", "cluster.node.0.devices=2",
                                   "cluster.node.1.devices=2", "parallel.dispatch=two_hop"});
  EXPECT_THAT(job.cluster.nodes, ElementsAre(NodeSpec{"localhost", 2, "cpu"}, NodeSpec{"localhost", 2, "cpu"}));
  EXPECT_EQ(job.parallel.dispatch, Dispatch::two_hop);
  EXPECT_EQ(parse(smallest).parallel.dispatch, Dispatch::automatic);
}

TEST(Parse, layers_of_stages_are_as_written) {
  EXPECT_THAT(parse(smallest, {"parallel.pipeline=2", "parallel.layers_per_stage=[]"}).parallel.layers_per_stage,
              ElementsAre());
  EXPECT_THAT(parse(smallest, {"parallel.pipeline=2", "parallel.layers_per_stage=[1, 3]"}).parallel.layers_per_stage,
              ElementsAre(1, 3));
}

// The published sizes: DeepSeek-V3 technical report, section 4.2, and its config_671B.json.
TEST(Parse, preset_deepseek_v3_gives_the_published_sizes) {
  const ModelSpec m = parse(std::string(smallest) + "[model]\npreset = \"deepseek-v3\"\n").model;
  const ModelSpec published{.preset = "deepseek-v3",
                            .layers = 61,
                            .dense_layers = 3,
                            .hidden = 7168,
                            .heads = 128,
                            .q_rank = 1536,
                            .kv_rank = 512,
                            .nope_dim = 128,
                            .rope_dim = 64,
                            .value_dim = 128,
                            .experts = 256,
                            .experts_per_token = 8,
                            .expert_groups = 8,
                            .groups_per_token = 4,
                            .shared_experts = 1,
                            .expert_hidden = 2048,
                            .dense_hidden = 18432,
                            .mtp_depth = 1,
                            .routed_scaling = 2.5,
                            .norm_eps = 1e-6,
                            .latent_norm_eps = 1e-6,
                            .rope_theta = 10000,
                            .yarn = {},
                            .init_std = 0.006,
                            .byte_vocab = false,
                            .vocab_size = 129280};
  EXPECT_EQ(m, published);
}

TEST(Parse, written_keys_win_over_the_preset_wherever_they_stand) {
  const ModelSpec m =
      parse(std::string(smallest) + "[model]\nheads = 4\nvocab = \"byte\"\npreset = \"deepseek-v3\"\n").model;
  EXPECT_EQ(m.heads, 4);
  EXPECT_EQ(m.hidden, 7168);
  EXPECT_EQ(m.vocab_size, 256);
  EXPECT_EQ(parse(smallest, {"model.preset=deepseek-v3", "model.hidden=64"}).model.experts, 256);
}

TEST(Override, sets_values_as_toml_or_bare_words) {
  const Job job = parse(smallest, {"job.steps=7", "optimizer.lr=1", "optimizer.final_lr=5e-1", "precision.compute=bf16",
                                   "job.name=y", "data.files=[\"a\", 'b']", "cluster.pin_cores=true",
                                   "model.vocab=1000", "parallel.schedule=\"1f1b\"", "job.seed = 5"});
  EXPECT_EQ(job.run.steps, 7);
  EXPECT_EQ(job.run.name, "y");
  EXPECT_EQ(job.optimizer.lr, 1.0);
  EXPECT_EQ(job.optimizer.final_lr, 0.5);
  EXPECT_EQ(job.precision.compute, Precision::bf16);
  EXPECT_THAT(job.data.files, ElementsAre("a", "b"));
  EXPECT_TRUE(job.cluster.pin_cores);
  EXPECT_EQ(job.model.vocab_size, 1000);
  EXPECT_EQ(job.run.seed, 5u);
}

TEST(Override, reaches_into_arrays_by_index_and_appends_at_their_end) {
  const std::string text = std::string(smallest) + "[data]\nfiles = [\"a\"]\n[[cluster.node]]\ndevices = 1\n";
  const Job job = parse(text, {"parallel.data=4", "cluster.node.0.devices=4", "data.files.0=b", "data.files.1=c"});
  EXPECT_EQ(job.cluster.nodes[0].devices, 4);
  EXPECT_THAT(job.data.files, ElementsAre("b", "c"));
  EXPECT_EQ(parse(smallest, {"cluster.node.0.devices=1", "cluster.node.0.kind=cpu"}).cluster.nodes.size(), 1u);
  EXPECT_EQ(parse(smallest, {"cluster.node=[{devices = 1}]"}).cluster.nodes[0].devices, 1);
}

TEST(Override, later_ones_win) { EXPECT_EQ(parse(smallest, {"job.steps=7", "job.steps=8"}).run.steps, 8); }

TEST(Override, faults_point_into_the_override) {
  const Diagnostic value = only_fault("model.heads=many");
  EXPECT_EQ(value.place, (Place{"--set", 1, 13, "model.heads", "model.heads=many"}));
  EXPECT_EQ(only_fault("modle.heads=3").place, (Place{"--set", 1, 1, "modle", "modle.heads=3"}));
  EXPECT_EQ(only_fault("model.haeds=3").place, (Place{"--set", 1, 1, "model.haeds", "model.haeds=3"}));
  EXPECT_THAT(only_fault("model.haeds=3").help, HasSubstr("heads"));
  const Diagnostic nested = only_fault("cluster.node=[{devices = \"x\"}]");
  EXPECT_EQ(nested.place.column, 26);
  const Diagnostic syntax = only_fault("data.files=[\"a\"");
  EXPECT_EQ(syntax.place.file, "--set");
  EXPECT_GE(syntax.place.column, 12);
}

TEST(Override, faults_between_an_override_and_the_file_show_both) {
  const ParseResult parsed =
      parse_job_text(std::string(smallest) + "[optimizer]\nlr = 0.1\n", "job.toml", {"optimizer.final_lr=0.2"});
  ASSERT_EQ(parsed.faults.size(), 1u);
  EXPECT_EQ(parsed.faults[0].place.file, "--set");
  EXPECT_EQ(parsed.faults[0].other->file, "job.toml");
  EXPECT_EQ(parsed.faults[0].other->key, "optimizer.lr");
}

TEST(Override, malformed_ones_are_faults) {
  std::string deep = "a";
  for (int i = 0; i < 100000; ++i) deep += ".a";
  for (const std::string& override :
       {std::string("steps=3"), std::string("job.steps"), std::string("=3"), std::string("job.=3"), std::string(""),
        std::string("job..steps=3"), deep + "=1", std::string("job.name=\xff"), std::string("job.\xff=1"),
        std::string("job.name=\"a\"\n[model]"), std::string("job.steps.x=1"), std::string("cluster.node.1.devices=4"),
        std::string("cluster.node.99999999999999999999.devices=4"), std::string("job.name=")}) {
    const Diagnostic fault = only_fault(override);
    EXPECT_EQ(fault.place.file, "--set") << override.substr(0, 100);
    EXPECT_FALSE(fault.help.empty());
  }
}

TEST(Write, a_written_job_parses_to_an_equal_one) {
  const Job jobs[] = {
      parse(smallest), parse(smallest, {"model.preset=deepseek-v3", "optimizer.lr=3e-22", "optimizer.final_lr=1e-30"}),
      parse(smallest,
            {"job.seed=9000000000000000000", "model.layers=5", "parallel.pipeline=2", "parallel.data=2",
             "parallel.expert=2", "parallel.schedule=dualpipe", "batch.microbatches=4", "model.vocab=77",
             "data.files=[\"ä\\\\\\\"x\", \"b\"]", "optimizer.moments=bf16", "precision.compute=fp64",
             "cluster.peer_timeout_secs=0.1", "optimizer.lr=0.30000000000000004",
             "memory.recompute=[\"mla_up\", \"swiglu\"]", "cluster.link.latency_us=50", "cluster.link.gb_per_s=0.1"}),
      parse(smallest, {"memory.recompute=full"})};
  for (const Job& job : jobs) EXPECT_EQ(parse(to_toml(job)), job) << to_toml(job);
}

TEST(Write, json_holds_the_same_values) {
  const nlohmann::json tables = to_json(parse(smallest, {"precision.compute=bf16"}));
  EXPECT_EQ(tables["job"]["steps"], 10);
  EXPECT_EQ(tables["precision"]["compute"], "bf16");
  EXPECT_EQ(tables["model"]["vocab"], "byte");
  EXPECT_EQ(tables["cluster"]["node"][0]["devices"], 1);
  EXPECT_EQ(tables["cluster"]["link"]["gb_per_s"], 0.0);
}

TEST(Write, a_starter_job_has_no_fault) {
  for (const std::string& preset : preset_names()) {
    const Job expected =
        parse(smallest, {"job.name=mine", "job.steps=300", "data.files=[\"*.txt\"]", "model.preset=" + preset});
    for (const bool all : {false, true})
      EXPECT_EQ(parse(starter_job({"mine", preset, all})), expected) << preset << all;
  }
}

// Its own values would win over those of the preset that a user writes next.
TEST(Write, a_short_starter_leaves_the_model_to_its_preset) {
  std::string text = starter_job({.name = "mine"});
  const std::string tiny = "deepseek-v3-tiny";
  text.replace(text.find(tiny), tiny.size(), "deepseek-v3");
  EXPECT_EQ(parse(text).model.layers, 61);
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 40);
}

}  // namespace
}  // namespace dsrun
