// The op table's columns of transfers and products: what is asked of them, counted by hand.
#include "models/transfer.hpp"

#include <gtest/gtest.h>

#include "models/costs.hpp"
#include "models/step_work.hpp"
#include "tests/models/known_models.hpp"
#include "tests/models/played_lists.hpp"

namespace dsrun {
namespace {

static_assert(movement(Op::dispatch, Pass::forward) == Movement::scatter);
static_assert(movement(Op::dispatch, Pass::recompute) == Movement::scatter);
static_assert(movement(Op::dispatch, Pass::backward_input) == Movement::gather);
static_assert(movement(Op::combine, Pass::forward) == Movement::gather);
static_assert(movement(Op::combine, Pass::backward_input) == Movement::scatter);
static_assert(movement(Op::exchange_counts, Pass::forward) == Movement::announce);
static_assert(works_on_tokens(Movement::scatter, Part::start) && works_on_tokens(Movement::gather, Part::finish));
static_assert(!works_on_tokens(Movement::gather, Part::start) && !works_on_tokens(Movement::scatter, Part::finish));

struct Sent {
  TransferBytes out, back, announced;
};

Sent sent_by(const StageSteps& stage, const StepList& list, Precision precision, Products dispatched) {
  Sent sent;
  for (const OpStep& step : list) {
    if (step.part != Part::start) continue;
    const Movement moves = movement(stage.graph, step);
    TransferBytes& sum = moves == Movement::announce ? sent.announced : goes_to_experts(moves) ? sent.out : sent.back;
    sum += transfer_bytes(stage.graph, step, precision, dispatched);
  }
  return sent;
}

// small_model() has rows of 16 elements; its second layer has experts.
TEST(Transfer, bytes_of_a_layer_are_what_a_hand_counts) {
  const StageSteps stage = derive_steps(slice_graph(build_graph(test::small_model()), 1, 2));
  const Sent forward = sent_by(stage, stage.forward, Precision::bf16, Products::compute);
  EXPECT_EQ(forward.out.row, 16 * 2);
  EXPECT_EQ(forward.out.pair, 4) << "dispatch's gate";
  EXPECT_EQ(forward.back.row, 16 * 2);
  EXPECT_EQ(forward.back.pair, 0);
  EXPECT_EQ(forward.announced.row, 0);
  EXPECT_EQ(forward.announced.pair, 8) << "a pair's row and its expert";
  const Sent backward = sent_by(stage, stage.backward, Precision::fp64, Products::compute);
  EXPECT_EQ(backward.out.row, 16 * 8);
  EXPECT_EQ(backward.out.pair, 0);
  EXPECT_EQ(backward.back.row, 16 * 8);
  EXPECT_EQ(backward.back.pair, 8) << "the gate's gradient";
  EXPECT_EQ(backward.announced.pair, 0);
  const Sent narrow = sent_by(stage, stage.forward, Precision::bf16, Products::fp8);
  EXPECT_EQ(narrow.out.row, 16 * (1 + 4.0 / 128));
  EXPECT_EQ(narrow.back.row, 16 * 2);
}

TEST(Transfer, largest_covers_every_transfer) {
  test::for_random_stages({}, [](const StageSteps& stage) {
    const LargestTransfer most = largest_transfer(stage.graph, Precision::fp32);
    for (const StepList* list : {&stage.forward, &stage.backward})
      for (const OpStep& step : *list) {
        if (step.part != Part::start) continue;
        const TransferBytes bytes = transfer_bytes(stage.graph, step, Precision::fp32);
        const bool announces = movement(stage.graph, step) == Movement::announce;
        EXPECT_LE(bytes.row, (announces ? most.announced : most.rows).row);
        EXPECT_LE(bytes.pair, (announces ? most.announced : most.rows).pair);
      }
    EXPECT_EQ(most.rows.row > 0, !stage.graph.moe_layers.empty());
  });
}

// One formula: what a forward list computes is what its tokens are said to cost.
TEST(Products, of_forward_steps_add_up_to_the_flops_of_their_tokens) {
  test::for_random_stages({}, [](const StageSteps& stage) {
    MicrobatchShape shape;
    shape.tokens = 12;
    shape.length = 6;
    shape.routed_rows = shape.tokens * stage.graph.nodes[0].attributes.experts_per_token;
    double flops = 0, per_token = 0;
    for (const OpStep& step : stage.forward) flops += step_work(stage, step, shape).flops;
    for (const OpNode& node : stage.graph.nodes) per_token += forward_flops_per_token(node, stage.graph, shape.length);
    EXPECT_DOUBLE_EQ(flops, shape.tokens * per_token);
  });
}

TEST(Products, of_backward_are_two_for_each_of_forward_and_those_made_again) {
  const Graph graph = build_graph(test::small_model());
  for (const OpNode& node : graph.nodes) {
    const double forward = flops_per_row(node, graph, Pass::forward, 6);
    const double backward =
        flops_per_row(node, graph, Pass::backward_input, 6) + flops_per_row(node, graph, Pass::backward_weight, 6);
    const double keys = 6.0 * 2 * (4 + 2);  // a position's scores: length × heads × columns of keys
    const double again = node.op == Op::head_loss ? 2 * forward : node.op == Op::attention ? keys : 0;
    EXPECT_EQ(backward, 2 * forward + again) << op_name(node.op);
    EXPECT_EQ(flops_per_row(node, graph, Pass::recompute, 6), forward);
  }
}

}  // namespace
}  // namespace dsrun
