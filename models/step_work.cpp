// The cost column of the op table: what a step computes and moves, from the lists that the executor runs.
#include "models/costs.hpp"
#include "models/op_table.hpp"

namespace dsrun {
namespace {

class Counter {
 public:
  Counter(const StageSteps& stage, const Step& step, const MicrobatchShape& shape)
      : stage_(stage),
        step_(step),
        node_(stage.graph.nodes[static_cast<std::size_t>(step.node)]),
        shape_(shape),
        forward_(runs_forward(step.pass)) {}

  StepWork count() const {
    StepWork work{step_shape(stage_, step_, shape_.length)};
    const bool transfers = op_row(node_.op).communicates;
    work.rows = transfers ? moved_rows() : rows(node_.inputs.empty() ? node_.outputs[0] : node_.inputs[0]);
    work.matrices = node_.op == Op::grouped_linear ? shape_.local_experts : 1;
    work.wide =
        node_.op == Op::head_loss || (node_.op == Op::linear && value(node_.outputs[0]).element == Element::wide);
    work.flops = flops(work.rows);
    work.bytes = transfers ? work.rows * row_bytes() : operand_bytes() + parameter_bytes();
    return work;
  }

 private:
  const Value& value(ValueId id) const { return stage_.values[static_cast<std::size_t>(id)]; }
  double rows(ValueId id) const { return value(id).rows == Rows::tokens ? shape_.tokens : shape_.routed_rows; }
  double bytes(ValueId id) const {
    const int size = value(id).element == Element::compute ? shape_.compute_bytes
                     : value(id).element == Element::wide  ? shape_.wide_bytes
                                                           : 4;
    return rows(id) * value(id).cols * size;
  }
  const Param& param() const { return stage_.graph.params[static_cast<std::size_t>(node_.params[0])]; }

  double flops(double rows) const {
    const OpAttributes& a = node_.attributes;
    switch (node_.op) {
      case Op::linear:
      case Op::grouped_linear:
        return 2.0 * rows * static_cast<double>(param().rows) * static_cast<double>(param().cols);
      case Op::head_loss:  // each backward makes the logits again
        return (forward_ ? 2.0 : 4.0) * rows * static_cast<double>(param().rows) * static_cast<double>(param().cols);
      case Op::attention: {
        const double keys = a.nope_dim + a.rope_dim, values = a.value_dim;
        const double forward = rows * shape_.length * a.heads * (keys + values);
        // Scores once more, then the gradients of values, probabilities, queries and keys.
        const double backward = rows * shape_.length * a.heads * (3 * keys + 2 * values);
        return forward_ ? forward : backward;
      }
      default:
        return 0;
    }
  }

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
             (step_.pass == Pass::backward_weight ? 2 * shape_.wide_bytes : shape_.compute_bytes);
    }
    return sum;
  }

  // Packing reads rows and writes messages; unpacking reads messages and writes rows.
  double moved_rows() const {
    if (node_.op == Op::exchange_counts) return shape_.tokens * node_.attributes.experts_per_token;
    if (step_.part == Part::relay) return shape_.relayed_rows;
    const bool scatters = (node_.op == Op::dispatch) == forward_;
    return scatters == (step_.part == Part::start) ? shape_.tokens + shape_.sent_rows
                                                   : shape_.routed_rows + shape_.received_rows;
  }
  double row_bytes() const {
    if (node_.op == Op::exchange_counts) return 8;  // where a pair goes, and to which expert
    return value(node_.op == Op::dispatch ? node_.inputs[0] : node_.outputs[0]).cols * shape_.compute_bytes;
  }

  const StageSteps& stage_;
  const Step& step_;
  const Node& node_;
  const MicrobatchShape& shape_;
  bool forward_;
};

}  // namespace

StepShape step_shape(const StageSteps& stage, const Step& step, int length) {
  const Node& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
  const auto cols = [&](const std::vector<ValueId>& ids) {
    return ids.empty() ? 0 : stage.values[static_cast<std::size_t>(ids[0])].cols;
  };
  const Pass pass = runs_forward(step.pass) ? Pass::forward : step.pass;
  StepShape shape{node.op, pass, step.part, cols(node.inputs), cols(node.outputs), 0};
  if (node.op == Op::attention) shape.length = length;
  if (node.op == Op::head_loss) shape.out_cols = node.attributes.vocab;
  return shape;
}

StepWork step_work(const StageSteps& stage, const Step& step, const MicrobatchShape& shape) {
  return Counter(stage, step, shape).count();
}

}  // namespace dsrun
