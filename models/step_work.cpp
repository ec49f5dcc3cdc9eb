// The cost column of the op table: what a step computes and moves, from the lists that the executor runs.
#include "models/step_work.hpp"

#include "models/costs.hpp"
#include "models/op_table.hpp"
#include "models/passes/steps.hpp"
#include "models/transfer.hpp"

namespace dsrun {
namespace {

class Counter {
 public:
  Counter(const StageSteps& stage, const OpStep& step, const MicrobatchShape& shape)
      : stage_(stage), step_(step), node_(stage.graph.nodes[static_cast<std::size_t>(step.node)]), shape_(shape) {}

  StepWork count() const {
    StepWork work{step_shape(stage_, step_, shape_.length)};
    const bool transfers = op_row(node_.op).communicates();
    work.rows = transfers ? moved_rows() : rows(node_.inputs.empty() ? node_.outputs[0] : node_.inputs[0]);
    work.matrices = node_.op == Op::grouped_linear ? shape_.local_experts : 1;
    work.wide =
        node_.op == Op::head_loss || (node_.op == Op::linear && value(node_.outputs[0]).element == Element::wide);
    work.flops = work.rows * flops_per_row(node_, stage_.graph, step_.pass, shape_.length);
    work.bytes = transfers ? work.rows * moved_row_bytes() : operand_bytes() + parameter_bytes();
    return work;
  }

 private:
  const Value& value(ValueId id) const { return stage_.values[static_cast<std::size_t>(id)]; }
  double rows(ValueId id) const { return value(id).rows == Rows::tokens ? shape_.tokens : shape_.routed_rows; }
  double bytes(ValueId id) const { return rows(id) * value(id).cols * element_size(value(id).element); }
  double element_size(Element element) const { return static_cast<double>(element_bytes(element, shape_.compute)); }

  double operand_bytes() const {
    double sum = 0;
    for (const ValueId id : values_read(stage_, step_)) sum += bytes(id);
    for (const ValueId id : values_made(stage_, step_)) sum += bytes(id);
    return sum;
  }

  // Weights are read; their gradients read and written. An embedding touches the rows of its tokens alone.
  double parameter_bytes() const {
    double sum = 0;
    for (const int index : node_.params) {
      const Param& each = stage_.graph.params[static_cast<std::size_t>(index)];
      const double matrices = each.experts > 0 ? shape_.local_experts : 1;
      const double rows = node_.op == Op::embed ? shape_.tokens : static_cast<double>(each.rows) * matrices;
      sum += rows * static_cast<double>(each.cols) *
             (step_.pass == Pass::backward_weight ? 2 * element_size(Element::wide) : element_size(Element::compute));
    }
    return sum;
  }

  // Packing reads rows and writes messages; unpacking reads messages and writes rows.
  double moved_rows() const {
    const Movement moves = movement(stage_.graph, step_);
    if (moves == Movement::announce) return shape_.tokens * node_.attributes.experts_per_token;
    if (step_.part == Part::relay) return shape_.relayed_rows;
    return works_on_tokens(moves, step_.part) ? shape_.tokens + shape_.sent_rows
                                              : shape_.routed_rows + shape_.received_rows;
  }
  // Where rows are announced, pairs are what moves.
  double moved_row_bytes() const {
    const TransferBytes bytes = transfer_bytes(stage_.graph, step_, shape_.compute);
    return movement(stage_.graph, step_) == Movement::announce ? bytes.pair : bytes.row;
  }

  const StageSteps& stage_;
  const OpStep& step_;
  const OpNode& node_;
  const MicrobatchShape& shape_;
};

}  // namespace

StepShape step_shape(const StageSteps& stage, const OpStep& step, int length) {
  const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
  const auto cols = [&](const std::vector<ValueId>& ids) {
    return ids.empty() ? 0 : stage.values[static_cast<std::size_t>(ids[0])].cols;
  };
  const Pass pass = runs_forward(step.pass) ? Pass::forward : step.pass;
  StepShape shape{node.op, pass, step.part, cols(node.inputs), cols(node.outputs), 0};
  if (node.op == Op::attention) shape.length = length;
  if (node.op == Op::head_loss) shape.out_cols = node.attributes.vocab;
  return shape;
}

StepWork step_work(const StageSteps& stage, const OpStep& step, const MicrobatchShape& shape) {
  return Counter(stage, step, shape).count();
}

}  // namespace dsrun
