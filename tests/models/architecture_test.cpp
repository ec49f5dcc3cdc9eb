// Rows of the table of architectures: each is complete, and what asks by model gets the row's answer.
#include "models/arch/architecture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "models/passes/recompute.hpp"
#include "tests/models/known_models.hpp"
#include "tests/models/random_model.hpp"

namespace dsrun {
namespace {

// Every size in its key's range.
ModelSpec whole_model() {
  ModelSpec model = test::small_model();
  model.expert_groups = model.groups_per_token = 1;
  model.routed_scaling = 1;
  model.norm_eps = 1e-6;
  model.rope_theta = 1e4;
  model.init_std = 0.02;
  return model;
}

std::string_view job_name(std::string_view key) { return key; }

TEST(Architecture, rows_are_complete_and_have_names_of_their_own) {
  std::set<std::string_view> names, classes;
  for (const Architecture* row : architectures()) {
    EXPECT_TRUE(names.insert(row->name).second && classes.insert(row->hugging_face_name).second);
    EXPECT_TRUE(row->validate && row->build && row->read_config && row->write_config && row->update_config &&
                row->tensors && row->num_tensors && row->whole_experts);
  }
}

TEST(Architecture, graphs_are_those_of_the_models_row) {
  test::Random random(31);
  for (int trial = 0; trial < 20; ++trial) {
    const ModelSpec model = test::random_model(random);
    const Architecture& row = architecture_of(model);
    const Graph graph = row.build(model);
    EXPECT_EQ(to_string(build_graph(model)), to_string(graph));
    EXPECT_EQ(HuggingFaceTable(graph, model).tensors().size(), row.tensors(graph, model, {}).size());
    EXPECT_EQ(static_cast<std::int64_t>(row.tensors(graph, model, {}).size()), row.num_tensors(graph, model, {}));
  }
}

TEST(Architecture, a_written_config_names_the_row_that_reads_it) {
  const ModelSpec model = whole_model();
  const Architecture& row = architecture_of(model);
  const std::string text = row.write_config({model, 64, {}, {}}, "float32");
  EXPECT_NE(text.find(row.hugging_face_name), std::string::npos);
  const HuggingFaceConfigResult read = row.read_config(text, "config.json", {});
  ASSERT_TRUE(read.config.has_value());
  EXPECT_EQ(to_string(row.build(read.config->model)), to_string(row.build(model)));
}

TEST(Architecture, faults_name_the_keys_of_whoever_asks) {
  ModelSpec model = whole_model();
  const Architecture& row = architecture_of(model);
  EXPECT_TRUE(row.validate(model, job_name).empty());
  model.expert_groups = 3;
  const std::vector<ModelFault> faults = row.validate(model, [](std::string_view) { return "theirs"; });
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].key, "expert_groups");
  EXPECT_EQ(faults[0].message, "3 does not divide theirs = 8");
}

// transformers takes the two best of each group, and raises where a group has one.
TEST(Architecture, groups_of_one_expert_are_a_fault) {
  ModelSpec model = whole_model();
  model.expert_groups = model.groups_per_token = model.experts;
  ASSERT_EQ(architecture_of(model).validate(model, job_name).size(), 1u);
  EXPECT_EQ(architecture_of(model).validate(model, job_name)[0].key, "expert_groups");
  model.dense_layers = model.layers;  // nothing routes
  EXPECT_TRUE(architecture_of(model).validate(model, job_name).empty());
}

// A policy forgets the ops that the graph marks, whatever their parameters are called.
TEST(Architecture, recompute_sets_are_marked_in_the_graph) {
  const ModelSpec model = test::small_model();
  Graph graph = build_graph(model);
  RecomputeSets marked = 0;
  for (const OpNode& node : graph.nodes) marked |= node.recompute_sets;
  EXPECT_EQ(marked, architecture_of(model).recompute_sets);
  for (Param& param : graph.params) param.name = "renamed";
  for (const RecomputeSpec& spec :
       {RecomputeSpec{.rms_norm = true}, RecomputeSpec{.mla_up = true}, RecomputeSpec{.swiglu = true}}) {
    const std::vector<bool> forgotten = forgotten_nodes(graph, spec);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
      EXPECT_EQ(forgotten[n], (graph.nodes[n].recompute_sets & recompute_sets(spec)) != 0) << n;
    EXPECT_GT(std::count(forgotten.begin(), forgotten.end(), true), 0);
  }
}

}  // namespace
}  // namespace dsrun
