// Times the ops that multiply on one thread against the rate of a 1024³ product. FLOPs exclude what a backward makes
// again and the masked half of attention, so an op at the products' own rate can stay below 100 %.
#include "tests/bench/bench_ops.hpp"
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/products_oracle.hpp"

namespace dsrun::bench {
namespace {

using namespace dsrun::test;

// Times calls of one dtype that were right.
class Bench {
 public:
  Bench(Table& table, Dtype dtype, double peak) : table_(table), dtype_(dtype), peak_(peak) {}

  void linear(std::int64_t tokens, std::int64_t in, std::int64_t out);
  void grouped_linear(const std::vector<std::int64_t>& offsets, std::int64_t in, std::int64_t out);
  void head_loss(std::int64_t tokens, std::int64_t dim, std::int64_t vocab);
  void attention(const AttentionShape& shape, std::int64_t tokens);

 private:
  void run(const Frame& frame, KernelFunction function) { frame.run(function, workspace_, gemm_); }

  void time(const std::string& op, const std::string& shape, const Frame& frame, KernelFunction function, double flops,
            double error) {
    const double allowed = dtype_ == Dtype::bf16 ? 1.5e-2 : 1e-5;
    if (!(error < allowed)) return table_.add_wrong(op, name_of(dtype_), shape, error);
    const double seconds = best_seconds([&] { run(frame, function); });
    table_.add({op, name_of(dtype_), shape, seconds, flops, peak_, "FLOP"});
  }

  Table& table_;
  Dtype dtype_;
  double peak_;
  Workspace workspace_;
  CpuGemm cpu_gemm_{workspace_};
  Gemm& gemm_ = cpu_gemm_;
};

void Bench::linear(std::int64_t tokens, std::int64_t in, std::int64_t out) {
  const std::string shape = fmt::format("{} x {} -> {}", tokens, in, out);
  const double flops = 2.0 * static_cast<double>(tokens * in * out);
  Stored x(random_matrix(tokens, in, 1), dtype_), weight(random_matrix(out, in, 2), dtype_);
  Stored d_y(random_matrix(tokens, out, 3), dtype_);
  Stored y(Matrix(tokens, out), dtype_), d_x(Matrix(tokens, in), dtype_), d_weight(Matrix(out, in), wide(dtype_));
  Frame frame{.inputs = {x.view()},
              .outputs = {y.view()},
              .grad_outputs = {d_y.view()},
              .params = {weight.view()},
              .grad_inputs = {{d_x.view(), {}}},
              .param_grads = {{d_weight.view(), false}}};
  for (const KernelFunction function : {linear_forward, linear_backward_input, linear_backward_weight}) {
    run(frame, function);
  }
  const double forward = relative_error(y.matrix(), product(x.matrix(), transposed(weight.matrix())));
  const double input = relative_error(d_x.matrix(), product(d_y.matrix(), weight.matrix()));
  const double gradient = relative_error(d_weight.matrix(), product(transposed(d_y.matrix()), x.matrix()));
  frame.param_grads[0].accumulate = true;  // as all microbatches but the first do
  time("linear forward", shape, frame, linear_forward, flops, forward);
  time("linear backward_input", shape, frame, linear_backward_input, flops, input);
  time("linear backward_weight", shape, frame, linear_backward_weight, flops, gradient);
}

void Bench::grouped_linear(const std::vector<std::int64_t>& offsets, std::int64_t in, std::int64_t out) {
  Routing routing;
  routing.offsets = offsets;
  routing.local_experts = static_cast<int>(offsets.size()) - 1;
  const std::int64_t rows = routing.num_rows();
  const std::string shape = fmt::format("{} rows, {} x {} -> {}", rows, routing.local_experts, in, out);
  const double flops = 2.0 * static_cast<double>(rows * in * out);
  Stored x(random_matrix(rows, in, 1), dtype_), weight(random_matrix(routing.local_experts * out, in, 2), dtype_);
  Stored d_y(random_matrix(rows, out, 3), dtype_);
  Stored y(Matrix(rows, out), dtype_), d_x(Matrix(rows, in), dtype_);
  Stored d_weight(Matrix(routing.local_experts * out, in), wide(dtype_));
  Frame frame{.inputs = {x.view()},
              .outputs = {y.view()},
              .grad_outputs = {d_y.view()},
              .params = {weight.view()},
              .grad_inputs = {{d_x.view(), {}}},
              .param_grads = {{d_weight.view(), false}},
              .routing = &routing};
  for (const auto function : {grouped_linear_forward, grouped_linear_backward_input, grouped_linear_backward_weight}) {
    run(frame, function);
  }
  const GroupedGradients expected = grouped_gradients(offsets, x.matrix(), weight.matrix(), d_y.matrix());
  const double forward = relative_error(y.matrix(), grouped(offsets, x.matrix(), weight.matrix()));
  const double input = relative_error(d_x.matrix(), expected.dx);
  const double gradient = relative_error(d_weight.matrix(), expected.dweights);
  frame.param_grads[0].accumulate = true;
  time("grouped forward", shape, frame, grouped_linear_forward, flops, forward);
  time("grouped backward_input", shape, frame, grouped_linear_backward_input, flops, input);
  time("grouped backward_weight", shape, frame, grouped_linear_backward_weight, flops, gradient);
}

void Bench::head_loss(std::int64_t tokens, std::int64_t dim, std::int64_t vocab) {
  const std::string shape = fmt::format("{} x {} -> {}", tokens, dim, vocab);
  const double flops = 2.0 * static_cast<double>(tokens * dim * vocab);
  Stored x(random_matrix(tokens, dim, 1), dtype_), weight(random_matrix(vocab, dim, 2, 0.05), dtype_);
  Stored lse(Matrix(tokens, 1), wide(dtype_)), d_x(Matrix(tokens, dim), dtype_);
  Stored d_weight(Matrix(vocab, dim), wide(dtype_));
  std::vector<std::int32_t> targets;
  for (std::int64_t i = 0; i < tokens; ++i) targets.push_back(static_cast<std::int32_t>(i * 31 % vocab));
  const std::vector<std::uint8_t> mask(targets.size(), 1);
  double sum = 0;
  Frame frame{.inputs = {x.view()},
              .outputs = {lse.view()},
              .params = {weight.view()},
              .grad_inputs = {{d_x.view(), {}}},
              .param_grads = {{d_weight.view(), false}},
              .batch = {.targets = targets.data(), .mask = mask.data(), .loss_sum = &sum}};
  for (const KernelFunction function : {head_loss_forward, head_loss_backward_input, head_loss_backward_weight}) {
    run(frame, function);
  }
  const HeadLoss expected = test::head_loss(x.matrix(), weight.matrix(), targets, mask);
  const double input = relative_error(d_x.matrix(), product(expected.d_logits, weight.matrix()));
  const double gradient = relative_error(d_weight.matrix(), product(transposed(expected.d_logits), x.matrix()));
  time("head_loss forward", shape, frame, head_loss_forward, flops, std::abs(sum / expected.sum - 1));
  time("head_loss backward_input", shape, frame, head_loss_backward_input, flops, input);
  time("head_loss backward_weight", shape, frame, head_loss_backward_weight, flops, gradient);
}

void Bench::attention(const AttentionShape& one, std::int64_t tokens) {
  const int key = one.nope + one.rope;
  const std::string shape = fmt::format("{} of {}, {} x ({}+{} / {})", tokens / one.length, one.length, one.heads,
                                        one.nope, one.rope, one.value);
  Stored q(random_matrix(tokens, one.heads * key, 1), dtype_);
  Stored kv(random_matrix(tokens, one.heads * (one.nope + one.value), 2), dtype_);
  Stored kr(random_matrix(tokens, one.rope, 3), dtype_), d_o(random_matrix(tokens, one.heads * one.value, 4), dtype_);
  Stored o(d_o.matrix(), dtype_), lse(Matrix(tokens, one.heads), wide(dtype_));
  Stored d_q(q.matrix(), dtype_), d_kv(kv.matrix(), dtype_), d_kr(kr.matrix(), dtype_);
  const Frame frame{.attributes = {.heads = one.heads,
                                   .nope_dim = one.nope,
                                   .rope_dim = one.rope,
                                   .value_dim = one.value,
                                   .softmax_scale = one.scale},
                    .inputs = {q.view(), kv.view(), kr.view()},
                    .outputs = {o.view(), lse.view()},
                    .grad_outputs = {d_o.view(), {}},
                    .grad_inputs = {{d_q.view(), {}}, {d_kv.view(), {}}, {d_kr.view(), {}}},
                    .batch = {.sequence_length = one.length}};
  run(frame, attention_forward);
  run(frame, attention_backward_input);
  const Matrix expected = test::attention(one, q.matrix(), kv.matrix(), kr.matrix()).o;
  const auto gradients = attention_gradients(one, q.matrix(), kv.matrix(), kr.matrix(), d_o.matrix());
  const double backward =
      std::max({relative_error(d_q.matrix(), gradients.dq), relative_error(d_kv.matrix(), gradients.dkv),
                relative_error(d_kr.matrix(), gradients.dkr)});
  const double pairs = 0.5 * static_cast<double>(tokens * one.length * one.heads);
  time("attention forward", shape, frame, attention_forward, 2 * pairs * (key + one.value),
       relative_error(o.matrix(), expected));
  time("attention backward_input", shape, frame, attention_backward_input, 4 * pairs * (key + one.value), backward);
}

AttentionShape heads(int count, int nope, int rope, int value, std::int64_t length) {
  return {count, nope, rope, value, length, 1 / std::sqrt(nope + rope)};
}

// FLOP/s of a product of 1024 x 1024 matrices.
double peak_of(Dtype dtype) {
  constexpr std::int64_t size = 1024;
  Workspace workspace;
  CpuGemm cpu_gemm(workspace);
  Gemm& gemm = cpu_gemm;
  Stored a(random_matrix(size, size, 1), dtype), b(random_matrix(size, size, 2), dtype), c(Matrix(size, size), dtype);
  const double seconds =
      best_seconds([&] { gemm.multiply(a.view(), Transpose::no, b.view(), Transpose::yes, c.view()); });
  return 2.0 * size * size * size / seconds;
}

void run_all(Table& table, Dtype dtype) {
  Bench bench(table, dtype, peak_of(dtype));
  bench.linear(512, 512, 512);
  bench.linear(1024, 512, 768);
  bench.linear(2048, 512, 1536);
  bench.linear(2048, 1536, 512);
  bench.linear(1024, 1024, 1024);
  bench.grouped_linear({0, 120, 250, 263, 600, 733, 850, 930, 1024}, 512, 512);
  bench.grouped_linear({0, 120, 250, 263, 600, 733, 850, 930, 1024}, 256, 512);
  bench.head_loss(1024, 512, 256);
  bench.head_loss(512, 512, 4096);
  bench.attention(heads(8, 64, 32, 64, 512), 1024);
  bench.attention(heads(8, 32, 16, 32, 256), 1024);
}

}  // namespace
}  // namespace dsrun::bench

int main() {
  using namespace dsrun;
  bench::Table table;
  bench::run_all(table, Dtype::f32);
  if (bf16_products_supported()) bench::run_all(table, Dtype::bf16);
  return table.all_right() ? 0 : 1;
}
