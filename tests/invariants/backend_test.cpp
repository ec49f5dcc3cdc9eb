// A device runs wholly through its Backend. With one that counts calls and has memory of its own a job gives the same
// bits, its kernels run as often as its spans say, and all that they see lies in that memory.
#include <gtest/gtest.h>

#include <map>
#include <type_traits>
#include <utility>

#include "dsl/device_kind.hpp"
#include "models/op_table.hpp"
#include "runtime/backend/backend.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

const Backend& wrapped() { return backend_for(cpu_kind); }

// What the backend under test has done.
struct Ledger {
  std::map<std::string, int> calls;           // by function of the table
  std::map<std::pair<Op, int>, int> kernels;  // by op and column of its row
  std::map<const char*, std::size_t> blocks;  // memory handed out and not taken back
  int num_views = 0, num_strays = 0;          // operands of kernels, and those outside its memory

  bool has(const void* data) const {
    auto block = blocks.upper_bound(static_cast<const char*>(data));
    if (block == blocks.begin()) return false;
    --block;
    return static_cast<const char*>(data) < block->first + block->second;
  }
  void see(const TensorView& view) {
    if (!view || view.size() == 0) return;
    ++num_views;
    num_strays += has(view.data) ? 0 : 1;
  }
  void see(const KernelCall& call) {
    for (const auto& views : {call.inputs, call.outputs, call.grad_outputs, call.params})
      for (const TensorView& view : views) see(view);
    for (const GradTarget& target : call.grad_inputs) see(target.out);
    for (const ParamGrad& gradient : call.param_grads) see(gradient.out);
  }
};
Ledger ledger;  // functions of a table are plain functions

// Counts a call and passes it on: of a function of the table itself, or of one of its parts.
template <auto Field, class Function>
struct CountedCall;
template <auto Field, class Result, class... Arguments>
struct CountedCall<Field, Result (*)(Arguments...)> {
  static inline const char* name = "";
  static Result call(Arguments... arguments) {
    ++ledger.calls[name];
    return (wrapped().*Field)(std::forward<Arguments>(arguments)...);
  }
};
template <auto Part, auto Field, class Function>
struct CountedPart;
template <auto Part, auto Field, class Result, class... Arguments>
struct CountedPart<Part, Field, Result (*)(Arguments...)> {
  static inline const char* name = "";
  static Result call(Arguments... arguments) {
    ++ledger.calls[name];
    return (wrapped().*Part.*Field)(std::forward<Arguments>(arguments)...);
  }
};

template <auto Field>
void count(Backend& backend, const char* name) {
  using Wrapper = CountedCall<Field, std::remove_reference_t<decltype(backend.*Field)>>;
  Wrapper::name = name;
  ledger.calls[name] = 0;
  backend.*Field = Wrapper::call;
}
template <auto Part, auto Field>
void count(Backend& backend, const char* name) {
  using Wrapper = CountedPart<Part, Field, std::remove_reference_t<decltype(backend.*Part.*Field)>>;
  Wrapper::name = name;
  ledger.calls[name] = 0;
  backend.*Part.*Field = Wrapper::call;
}

constexpr KernelFunction KernelRow::*columns[] = {&KernelRow::forward, &KernelRow::backward_input,
                                                  &KernelRow::backward_weight};

template <std::size_t Index, int Column>
void counted_kernel(const KernelCall& call) {
  ++ledger.kernels[{static_cast<Op>(Index), Column}];
  ledger.see(call);
  (wrapped().kernels[Index].*columns[Column])(call);
}

template <std::size_t Index, int Column>
void count_kernel(Backend& backend) {
  if (wrapped().kernels[Index].*columns[Column] != nullptr)
    backend.kernels[Index].*columns[Column] = counted_kernel<Index, Column>;
}

template <std::size_t... Index>
void count_kernels(Backend& backend, std::index_sequence<Index...>) {
  (count_kernel<Index, 0>(backend), ...);
  (count_kernel<Index, 1>(backend), ...);
  (count_kernel<Index, 2>(backend), ...);
}

char* own(char* data, std::size_t num_bytes) {
  if (data != nullptr) ledger.blocks[data] = num_bytes;
  return data;
}

MemorySource counted_memory() {
  return {[](std::size_t num_bytes) { return own(host_memory().allocate(num_bytes), num_bytes); },
          [](char* data, std::size_t num_bytes) {
            EXPECT_EQ(ledger.blocks.at(data), num_bytes);
            ledger.blocks.erase(data);
            host_memory().release(data, num_bytes);
          },
          [](std::size_t num_bytes) { return own(host_memory().reserve(num_bytes), num_bytes); },
          [](char* data, std::size_t num_bytes) {
            EXPECT_EQ(ledger.blocks.at(data), num_bytes);
            ledger.blocks.erase(data);
            host_memory().unreserve(data, num_bytes);
          }};
}

const Backend& counting_backend() {
  static Backend backend = wrapped();
  ledger = {};
  backend.memory = counted_memory();
  count<&Backend::copy>(backend, "copy");
  count<&Backend::clear>(backend, "clear");
  count<&Backend::fetch>(backend, "fetch");
  count<&Backend::make_gemm>(backend, "make_gemm");
  count<&Backend::add_needs>(backend, "add_needs");
  count<&Backend::computes_in>(backend, "computes_in");
  constexpr auto rows = &Backend::rows;
  count<rows, &RowFunctions::pack_rows>(backend, "pack_rows");
  count<rows, &RowFunctions::expand_rows>(backend, "expand_rows");
  count<rows, &RowFunctions::reduce_rows>(backend, "reduce_rows");
  count<rows, &RowFunctions::sum_messages>(backend, "sum_messages");
  count<rows, &RowFunctions::pack_gates>(backend, "pack_gates");
  count<rows, &RowFunctions::expand_gates>(backend, "expand_gates");
  count<rows, &RowFunctions::collect_gates>(backend, "collect_gates");
  count<rows, &RowFunctions::scatter_gates>(backend, "scatter_gates");
  count<rows, &RowFunctions::pick_gates>(backend, "pick_gates");
  count<rows, &RowFunctions::place_gates>(backend, "place_gates");
  constexpr auto optimizer = &Backend::optimizer;
  count<optimizer, &OptimizerFunctions::adamw_update>(backend, "adamw_update");
  count<optimizer, &OptimizerFunctions::average_weights>(backend, "average_weights");
  count<optimizer, &OptimizerFunctions::sum_squares>(backend, "sum_squares");
  count<optimizer, &OptimizerFunctions::sum_slices>(backend, "sum_slices");
  constexpr auto initial = &Backend::initial;
  count<initial, &InitialValues::fill_normal>(backend, "fill_normal");
  count<initial, &InitialValues::fill_constant>(backend, "fill_constant");
  count_kernels(backend, std::make_index_sequence<num_ops>());
  return backend;
}

// Every function of the table has something to do: rows take two hops, a prediction module, averages of weights.
Job job_for_every_function() {
  auto overrides = on_nodes_of_two(mesh_case("1f1b", 1, 4, 4, 2), 2).overrides;
  overrides.insert(overrides.end(),
                   {"job.steps=2", "model.mtp_depth=1", "optimizer.ema_decay=0.9", "memory.recompute=full"});
  return small_job(overrides);
}

struct Trained {
  std::vector<double> losses;
  Tensors weights;
  std::map<std::pair<Op, int>, int> spans;  // of ops that a kernel computes
};

Trained train_with(const Backend* backend) {
  Trained trained;
  FakeClusterOptions options;
  options.backend = backend;
  options.on_span = [&](int, const DeviceSpan& span) {
    if (span.what != DeviceSpan::What::op || span.part != Part::whole) return;
    const int column = runs_forward(span.pass) ? 0 : span.pass == Pass::backward_input ? 1 : 2;
    ++trained.spans[{span.op, column}];
  };
  FakeCluster cluster(job_for_every_function(), small_corpus(), options);
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  trained.losses = run.losses;
  trained.weights = cluster.gather_weights();
  return trained;
}

TEST(BackendTable, is_all_that_a_device_runs_through) {
  const Trained plain = train_with(nullptr);
  const Trained counted = train_with(&counting_backend());
  EXPECT_EQ(counted.losses, plain.losses);
  EXPECT_EQ(counted.weights, plain.weights);
  for (const auto& [function, num_calls] : ledger.calls) EXPECT_GT(num_calls, 0) << function;
  EXPECT_EQ(ledger.kernels, counted.spans);
  EXPECT_GE(counted.spans.size(), num_ops);
  EXPECT_GT(ledger.num_views, 1000);
  EXPECT_EQ(ledger.num_strays, 0) << "operands outside the backend's memory";
  EXPECT_TRUE(ledger.blocks.empty()) << ledger.blocks.size() << " blocks were not given back";
}

}  // namespace
}  // namespace dsrun::test
