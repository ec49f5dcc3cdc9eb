// Times the row-wise ops on one thread against a plain loop that moves as many bytes: what an op at the memory's (or,
// where the rows fit there, the cache's) own rate would take. Bytes are those of operands and results, each once.
#include "models/op.hpp"
#include "runtime/backend/cpu/functions.hpp"
#include "tests/bench/bench_ops.hpp"
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/rows_oracle.hpp"

namespace dsrun::bench {
namespace {

using namespace dsrun::test;

double bytes_of(std::initializer_list<TensorView> views) {
  double bytes = 0;
  for (const TensorView& view : views) bytes += static_cast<double>(view.size()) * dtype_bytes(view.dtype);
  return bytes;
}

// Bytes a second, the better of two ways to read and write `bytes` together: from one place to another, or in place,
// which large arrays do faster, because no line has to be fetched only to be overwritten.
double memory_rate(double bytes) {
  const std::size_t count = static_cast<std::size_t>(bytes) / (2 * sizeof(std::uint64_t));
  std::vector<std::uint64_t> from(count, 1), to(count);
  const double copy = best_seconds([&] {
    std::memcpy(to.data(), from.data(), count * sizeof(std::uint64_t));
    asm volatile("" : : "r"(to.data()) : "memory");
  });
  const double update = best_seconds([&] {
    for (std::uint64_t& value : from) ++value;
    asm volatile("" : : "r"(from.data()) : "memory");
  });
  return bytes / std::min(copy, update);
}

class Bench {
 public:
  Bench(Table& table, Dtype dtype) : table_(table), dtype_(dtype) {}

  void rms_norm(std::int64_t tokens, std::int64_t dim);
  void rope(std::int64_t tokens, const RopeShape& shape);
  void kv_latent(std::int64_t tokens, std::int64_t rank, const RopeShape& key);
  void add(std::int64_t tokens, std::int64_t dim);
  void concat(std::int64_t tokens, std::int64_t dim);
  void swiglu(std::int64_t tokens, std::int64_t width);
  void router(std::int64_t tokens, const OpAttributes& shape);
  void embed(std::int64_t tokens, std::int64_t dim, std::int64_t vocab);
  void dispatch(std::int64_t tokens, std::int64_t dim, int experts);
  void sum_messages(std::int64_t tokens, std::int64_t dim, int members);
  void adamw(std::int64_t count, Dtype moments);
  void sum_slices(std::int64_t count, int slices);
  void fill(std::int64_t count);

 private:
  void run(const Frame& frame, KernelFunction function) { frame.run(function, workspace_, gemm_); }

  template <class Call>
  void time(const std::string& op, const std::string& shape, double bytes, double error, const Call& call) {
    const double allowed = dtype_ == Dtype::bf16 ? 1.5e-2 : 1e-5;
    if (!(error < allowed)) return table_.add_wrong(op, name_of(dtype_), shape, error);
    const double seconds = best_seconds(call);
    table_.add({op, name_of(dtype_), shape, seconds, bytes, memory_rate(bytes), "B"});
  }

  Table& table_;
  Dtype dtype_;
  Workspace workspace_;
  CpuGemm cpu_gemm_{workspace_};
  Gemm& gemm_ = cpu_gemm_;
};

void Bench::rms_norm(std::int64_t tokens, std::int64_t dim) {
  const std::string shape = fmt::format("{} x {}", tokens, dim);
  Stored x(random_matrix(tokens, dim, 1), dtype_), w(random_matrix(1, dim, 2), dtype_);
  Stored dy(random_matrix(tokens, dim, 3), dtype_), y(Matrix(tokens, dim), dtype_), dx(Matrix(tokens, dim), dtype_);
  Stored dw(Matrix(1, dim), wide(dtype_));
  const Frame frame{.attributes = {.eps = 1e-6},
                    .inputs = {x.view()},
                    .outputs = {y.view()},
                    .grad_outputs = {dy.view()},
                    .params = {w.view()},
                    .grad_inputs = {{dx.view(), {}}},
                    .param_grads = {{dw.view(), false}}};
  for (const auto function : {rms_norm_forward, rms_norm_backward_input, rms_norm_backward_weight})
    run(frame, function);
  const NormGradients expected = oracle_rms_norm_gradients(x.matrix(), w.matrix(), dy.matrix(), 1e-6);
  time("rms_norm forward", shape, bytes_of({x.view(), y.view()}),
       relative_error(y.matrix(), oracle_rms_norm(x.matrix(), w.matrix(), 1e-6)),
       [&] { run(frame, rms_norm_forward); });
  time("rms_norm backward_input", shape, bytes_of({x.view(), dy.view(), dx.view()}),
       relative_error(dx.matrix(), expected.dx), [&] { run(frame, rms_norm_backward_input); });
  time("rms_norm backward_weight", shape, bytes_of({x.view(), dy.view()}), relative_error(dw.matrix(), expected.dw),
       [&] { run(frame, rms_norm_backward_weight); });
}

void Bench::rope(std::int64_t tokens, const RopeShape& s) {
  const std::int64_t cols = s.heads * (s.nope + s.rope);
  Stored q(random_matrix(tokens, cols, 1), dtype_), out(Matrix(tokens, cols), dtype_);
  Frame frame{.attributes = {.heads = s.heads, .nope_dim = s.nope, .rope_dim = s.rope, .rope_theta = s.theta},
              .inputs = {q.view()},
              .outputs = {out.view()},
              .batch = {.sequence_length = s.length}};
  run(frame, rope_forward);
  const double error = relative_error(out.matrix(), oracle_rope(q.matrix(), s, 1));
  const std::string shape = fmt::format("{} x {} heads of {}+{}", tokens, s.heads, s.nope, s.rope);
  time("rope forward", shape, bytes_of({q.view(), out.view()}), error, [&] { run(frame, rope_forward); });
  frame.grad_outputs = frame.inputs;
  frame.grad_inputs = {{out.view(), {}}};
  run(frame, rope_backward_input);
  time("rope backward_input", shape, bytes_of({q.view(), out.view()}),
       relative_error(out.matrix(), oracle_rope(q.matrix(), s, -1)), [&] { run(frame, rope_backward_input); });
  frame.outputs = frame.inputs;
  time("rope forward in place", shape, bytes_of({q.view(), q.view()}) * s.rope / (s.nope + s.rope), error,
       [&] { run(frame, rope_forward); });
}

void Bench::kv_latent(std::int64_t tokens, std::int64_t rank, const RopeShape& s) {
  const std::string shape = fmt::format("{} x {}+{}", tokens, rank, s.rope);
  Stored a(random_matrix(tokens, rank + s.rope, 1), dtype_), w(random_matrix(1, rank, 2), dtype_);
  Stored c(Matrix(tokens, rank), dtype_), kr(Matrix(tokens, s.rope), dtype_), da(a.matrix(), dtype_);
  Stored dc(random_matrix(tokens, rank, 3), dtype_), dkr(random_matrix(tokens, s.rope, 4), dtype_);
  Stored dw(Matrix(1, rank), wide(dtype_));
  const Frame frame{
      .attributes = {.rope_dim = s.rope, .kv_rank = static_cast<int>(rank), .eps = 1e-6, .rope_theta = s.theta},
      .inputs = {a.view()},
      .outputs = {c.view(), kr.view()},
      .grad_outputs = {dc.view(), dkr.view()},
      .params = {w.view()},
      .grad_inputs = {{da.view(), {}}},
      .param_grads = {{dw.view(), false}},
      .batch = {.sequence_length = s.length}};
  for (const auto function : {kv_latent_forward, kv_latent_backward_input, kv_latent_backward_weight})
    run(frame, function);
  const Matrix dy = beside(dc.matrix(), dkr.matrix());
  const NormGradients expected = oracle_kv_latent_gradients(a.matrix(), w.matrix(), dy, s, 1e-6);
  const double all = bytes_of({a.view()});
  time("kv_latent forward", shape, 2 * all,
       relative_error(beside(c.matrix(), kr.matrix()), oracle_kv_latent(a.matrix(), w.matrix(), s, 1e-6)),
       [&] { run(frame, kv_latent_forward); });
  time("kv_latent backward_input", shape, 2 * all + bytes_of({dc.view()}), relative_error(da.matrix(), expected.dx),
       [&] { run(frame, kv_latent_backward_input); });
  time("kv_latent backward_weight", shape, 2 * bytes_of({dc.view()}), relative_error(dw.matrix(), expected.dw),
       [&] { run(frame, kv_latent_backward_weight); });
}

void Bench::add(std::int64_t tokens, std::int64_t dim) {
  const std::string shape = fmt::format("{} x {}", tokens, dim);
  Stored x(random_matrix(tokens, dim, 1), dtype_), y(random_matrix(tokens, dim, 2), dtype_);
  Stored z(Matrix(tokens, dim), dtype_), dx(Matrix(tokens, dim), dtype_);
  const Frame frame{.inputs = {x.view(), y.view()},
                    .outputs = {z.view()},
                    .grad_outputs = {x.view()},
                    .grad_inputs = {{dx.view(), y.view()}}};
  run(frame, add_forward);
  run(frame, add_backward_input);
  const Matrix sum = plus(x.matrix(), y.matrix());
  const double bytes = bytes_of({x.view(), y.view(), z.view()});
  time("add forward", shape, bytes, relative_error(z.matrix(), sum), [&] { run(frame, add_forward); });
  time("add backward_input", shape, bytes, relative_error(dx.matrix(), sum), [&] { run(frame, add_backward_input); });
}

void Bench::concat(std::int64_t tokens, std::int64_t dim) {
  const std::string shape = fmt::format("{} x 2*{}", tokens, dim);
  Stored x(random_matrix(tokens, dim, 1), dtype_), y(random_matrix(tokens, dim, 2), dtype_);
  Stored z(Matrix(tokens, 2 * dim), dtype_), dx(Matrix(tokens, dim), dtype_), dy(Matrix(tokens, dim), dtype_);
  const Frame frame{.inputs = {x.view(), y.view()},
                    .outputs = {z.view()},
                    .grad_outputs = {z.view()},
                    .grad_inputs = {{dx.view(), {}}, {dy.view(), {}}}};
  run(frame, concat_forward);
  run(frame, concat_backward_input);  // of its own output: gives back what went in
  const double error = std::max(relative_error(dx.matrix(), x.matrix()), relative_error(dy.matrix(), y.matrix()));
  const double bytes = bytes_of({x.view(), y.view(), z.view()});
  time("concat forward", shape, bytes, error, [&] { run(frame, concat_forward); });
  time("concat backward_input", shape, bytes, error, [&] { run(frame, concat_backward_input); });
}

void Bench::swiglu(std::int64_t tokens, std::int64_t width) {
  const std::string shape = fmt::format("{} x 2*{}", tokens, width);
  Stored a(random_matrix(tokens, 2 * width, 1), dtype_), factors(random_matrix(tokens, 1, 2), wide(dtype_));
  Stored h(Matrix(tokens, width), dtype_), dh(random_matrix(tokens, width, 3), dtype_);
  Stored da(Matrix(tokens, 2 * width), dtype_), dfactors(Matrix(tokens, 1), wide(dtype_));
  const Frame frame{.inputs = {a.view(), factors.view()},
                    .outputs = {h.view()},
                    .grad_outputs = {dh.view()},
                    .grad_inputs = {{da.view(), {}}, {dfactors.view(), {}}}};
  run(frame, gated_swiglu_forward);
  run(frame, gated_swiglu_backward_input);
  const double forward = relative_error(h.matrix(), oracle_swiglu(a.matrix(), factors.matrix()));
  const double input =
      relative_error(da.matrix(), oracle_swiglu_gradients(a.matrix(), factors.matrix(), dh.matrix()).da);
  const double read = bytes_of({a.view(), h.view()}), both = bytes_of({a.view(), dh.view(), da.view()});
  time("swiglu forward", shape, read, forward, [&] { run(frame, swiglu_forward); });
  time("swiglu backward_input", shape, both, input, [&] { run(frame, swiglu_backward_input); });
  time("gated_swiglu forward", shape, read, forward, [&] { run(frame, gated_swiglu_forward); });
  time("gated_swiglu backward_input", shape, both, input, [&] { run(frame, gated_swiglu_backward_input); });
}

void Bench::router(std::int64_t tokens, const OpAttributes& a) {
  const std::vector<float> bias(static_cast<std::size_t>(a.experts), 0.01f);
  Stored logits(random_matrix(tokens, a.experts, 1), wide(dtype_)), scores(Matrix(tokens, a.experts), wide(dtype_));
  Stored gates(Matrix(tokens, a.experts_per_token), wide(dtype_));
  Stored dgates(random_matrix(tokens, a.experts_per_token, 2), wide(dtype_)), dlogits(logits.matrix(), dtype_);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(tokens * a.experts_per_token));
  const TensorView chosen = matrix(indices.data(), Dtype::i32, tokens, a.experts_per_token);
  const Frame frame{.attributes = a,
                    .inputs = {logits.view()},
                    .outputs = {gates.view(), chosen, scores.view()},
                    .grad_outputs = {dgates.view()},
                    .grad_inputs = {{dlogits.view(), {}}},
                    .router_bias = bias.data()};
  run(frame, router_forward);
  run(frame, router_backward_input);
  const Routed expected = oracle_router(logits.matrix(), bias, a);
  const std::string shape = fmt::format("{} x {}, top {}", tokens, a.experts, a.experts_per_token);
  time("router forward", shape, bytes_of({logits.view(), scores.view(), gates.view(), chosen}),
       relative_error(gates.matrix(), expected.gates), [&] { run(frame, router_forward); });
  time("router backward_input", shape, bytes_of({scores.view(), dlogits.view(), gates.view(), chosen}),
       relative_error(dlogits.matrix(), oracle_router_gradient(expected, dgates.matrix(), a)),
       [&] { run(frame, router_backward_input); });
}

void Bench::embed(std::int64_t tokens, std::int64_t dim, std::int64_t vocab) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens));
  for (std::size_t t = 0; t < ids.size(); ++t)
    ids[t] = static_cast<std::int32_t>(t * 7919 % static_cast<std::size_t>(vocab));
  Stored w(random_matrix(vocab, dim, 1), dtype_), x(Matrix(tokens, dim), dtype_),
      dx(random_matrix(tokens, dim, 2), dtype_);
  Stored dw(Matrix(vocab, dim), wide(dtype_));
  const Frame frame{.outputs = {x.view()},
                    .grad_outputs = {dx.view()},
                    .params = {w.view()},
                    .param_grads = {{dw.view(), true}},
                    .batch = {.tokens = ids.data()}};
  run(frame, embed_forward);
  run(frame, embed_backward_weight);
  const double backward = relative_error(dw.matrix(), oracle_embed_gradient(dx.matrix(), ids, vocab));
  const std::string shape = fmt::format("{} x {} of {}", tokens, dim, vocab);
  time("embed forward", shape, bytes_of({x.view(), x.view()}),
       relative_error(x.matrix(), oracle_embed(w.matrix(), ids)), [&] { run(frame, embed_forward); });
  const double read_and_written = 2.0 * static_cast<double>(tokens * dim) * dtype_bytes(wide(dtype_));
  time("embed backward_weight", shape, bytes_of({dx.view()}) + read_and_written, backward,
       [&] { run(frame, embed_backward_weight); });
}

// One member with all experts, two a token: token t's are t and t + 1, modulo their number.
void Bench::dispatch(std::int64_t tokens, std::int64_t dim, int experts) {
  Routing routing;
  routing.local_experts = experts;
  std::vector<std::int32_t> chosen;
  for (std::int64_t t = 0; t < tokens; ++t)
    for (const std::int64_t e : {t, t + 1}) chosen.push_back(static_cast<std::int32_t>(e % experts));
  routing.sends = plan_sends({0, experts}, chosen.data(), tokens, 2);
  const SendPlan& sent = routing.sends[0];
  routing.receives = {{static_cast<std::int32_t>(sent.tokens.size()), sent.pair_row, sent.pair_expert, {}}};
  plan_receives(routing);
  const ReceivePlan& received = routing.receives[0];
  Stored x(random_matrix(tokens, dim, 1), dtype_), message(Matrix(tokens, dim), dtype_);
  Stored rows(Matrix(2 * tokens, dim), dtype_), returned(Matrix(tokens, dim), dtype_);
  const auto pack = [&] { pack_rows(x.view(), sent, message.view()); };
  const auto expand = [&] { expand_rows(message.view(), received, rows.view()); };
  const auto reduce = [&] { reduce_rows(rows.view(), received, returned.view()); };
  pack(), expand(), reduce();
  const Matrix once = x.matrix();  // the message; each of its rows comes back twice
  const std::string shape = fmt::format("{} x {} to 2 of {}", tokens, dim, experts);
  const double one = bytes_of({x.view()}), wrong = relative_error(returned.matrix(), plus(once, once));
  time("pack_rows", shape, 2 * one, relative_error(message.matrix(), once), pack);
  time("expand_rows", shape, 3 * one, wrong, expand);
  time("reduce_rows", shape, 3 * one, wrong, reduce);
}

// Every token has a row from every member: the most that there can be to sum.
void Bench::sum_messages(std::int64_t tokens, std::int64_t dim, int members) {
  Routing routing;
  routing.sends.resize(static_cast<std::size_t>(members));
  for (SendPlan& plan : routing.sends)
    for (std::int64_t t = 0; t < tokens; ++t) plan.tokens.push_back(static_cast<std::int32_t>(t));
  std::vector<Stored> messages;
  std::vector<TensorView> views;
  Matrix expected(tokens, dim);
  for (int m = 0; m < members; ++m) {
    messages.emplace_back(random_matrix(tokens, dim, static_cast<unsigned>(m + 1)), dtype_);
    expected = plus(expected, messages.back().matrix());
  }
  for (Stored& message : messages) views.push_back(message.view());
  Stored z(Matrix(tokens, dim), dtype_);
  const auto call = [&] { dsrun::sum_messages(views, routing.sends, z.view(), {}); };
  call();
  time("sum_messages", fmt::format("{} x {} from {}", tokens, dim, members), bytes_of({z.view()}) * (members + 1),
       relative_error(z.matrix(), expected), call);
}

void Bench::adamw(std::int64_t count, Dtype moments) {
  const AdamwStep step{1e-3, 0.9, 0.95, 1e-8, 0.1, 0.5, 3};
  Stored master(random_matrix(1, count, 1), wide(dtype_)), gradient(random_matrix(1, count, 2), wide(dtype_));
  Stored m(random_matrix(1, count, 3), moments), v(Matrix(1, count), moments), weights(Matrix(1, count), dtype_);
  const Matrix before = master.matrix(), g = gradient.matrix(), first = m.matrix();
  const auto call = [&] { adamw_update(step, master.view(), gradient.view(), m.view(), v.view(), weights.view()); };
  call();
  Matrix expected(1, count);
  for (std::size_t i = 0; i < g.values.size(); ++i) {
    const double scaled = 0.5 * g.values[i], mean = (0.9 * first.values[i] + 0.1 * scaled) / (1 - std::pow(0.9, 3));
    const double square = 0.05 * scaled * scaled / (1 - std::pow(0.95, 3));
    expected.values[i] = before.values[i] - 1e-3 * (mean / (std::sqrt(square) + 1e-8) + 0.1 * before.values[i]);
  }
  const double error = relative_error(weights.matrix(), expected);
  const double bytes =
      bytes_of({master.view(), master.view(), gradient.view(), m.view(), m.view(), v.view(), v.view(), weights.view()});
  time("adamw, moments in " + name_of(moments), fmt::format("{}", count), bytes, error, call);
}

void Bench::sum_slices(std::int64_t count, int slices) {
  std::vector<Stored> parts;
  std::vector<TensorView> views;
  Matrix expected(1, count);
  for (int i = 0; i < slices; ++i) {
    parts.emplace_back(random_matrix(1, count, static_cast<unsigned>(i + 1)), dtype_);
    expected = plus(expected, parts.back().matrix());
  }
  for (Stored& part : parts) views.push_back(part.view());
  Stored out(Matrix(1, count), dtype_);
  const auto call = [&] { dsrun::sum_slices(views, out.view()); };
  call();
  time("sum_slices", fmt::format("{} of {}", slices, count), bytes_of({out.view()}) * (slices + 1),
       relative_error(out.matrix(), expected), call);
  double squares = 0;
  for (const double value : out.matrix().values) squares += value * value;
  double sum = sum_squares(out.view());
  time("sum_squares", fmt::format("{}", count), bytes_of({out.view()}), std::abs(sum / squares - 1),
       [&] { sum += sum_squares(out.view()); });
}

// Right: the values' mean square is std².
void Bench::fill(std::int64_t count) {
  Stored out(Matrix(1, count), dtype_);
  const auto call = [&] { fill_normal(1, "tensor", 0, 1, out.view()); };
  call();
  time("fill_normal", fmt::format("{}", count), bytes_of({out.view()}),
       1e-3 * std::abs(sum_squares(out.view()) / static_cast<double>(count) - 1), call);
}

void run_all(Table& table, Dtype dtype) {
  Bench bench(table, dtype);
  bench.rms_norm(2048, 512);
  bench.rope(2048, {8, 64, 32, 1e4, 512});
  bench.kv_latent(2048, 512, {1, 0, 64, 1e4, 512});
  bench.add(2048, 512);
  bench.concat(2048, 512);
  bench.swiglu(2048, 256);
  bench.swiglu(2048, 1536);
  bench.router(
      2048, {.experts = 32, .experts_per_token = 4, .expert_groups = 4, .groups_per_token = 2, .routed_scaling = 2.5});
  bench.router(
      2048, {.experts = 256, .experts_per_token = 8, .expert_groups = 8, .groups_per_token = 4, .routed_scaling = 2.5});
  bench.embed(2048, 512, 256);
  bench.dispatch(2048, 512, 32);
  for (const int members : {2, 4}) bench.sum_messages(2048, 512, members);
  bench.adamw(1 << 22, wide(dtype));
  bench.adamw(1 << 22, Dtype::bf16);
  bench.sum_slices(1 << 22, 2);
  bench.fill(1 << 20);
}

}  // namespace
}  // namespace dsrun::bench

int main() {
  using namespace dsrun;
  bench::Table table;
  bench::run_all(table, Dtype::f32);
  bench::run_all(table, Dtype::bf16);
  return table.all_right() ? 0 : 1;
}
