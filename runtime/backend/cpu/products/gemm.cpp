// How a product finds its routine. fp64 has none in oneDNN and runs the loop of gemm_f64.cpp. For the rest a matmul
// primitive is made once and used again; there are two sorts, chosen by the shape, and by whether it is one that comes
// again, so that equal calls give equal bits. Figures: m × n × k, fixed / free in GFLOP/s of one thread whose peak is
// about 230 (bf16, AVX-512).
//  - free: sizes and strides are told at each call, so that one primitive serves every shape and the ragged row counts
//    of experts make no new ones (a new one costs 0.3 ms, as much as the product of 300 rows). Best where operands
//    outgrow the L2, above all for weight gradients: 1024³ 200 / 213, 512×1536×512 185 / 203.
//  - fixed: made for one shape. Best where weights fit the L2: forward 512³ 228 / 221, 512×256×512 229 / 215,
//    1024×256×512 230 / 217, 64×64×96 185 / 113 (a free call describes its three matrices anew, 1 µs).
// Packing weights ahead gained 2–4 % over plain ones, which packing them anew each step takes back: not done.
#include "runtime/backend/cpu/products/gemm.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <dnnl.hpp>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "runtime/backend/cpu/products/gemm_f64.hpp"
#include "runtime/check.hpp"
#include "runtime/memory/memory_source.hpp"

namespace dsrun {
namespace {

using Memory = dnnl::memory;

// Everything a primitive depends on; a free one has zero sizes and strides.
struct PrimitiveKey {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t stride_a = 0, stride_b = 0, stride_c = 0;
  Dtype in = Dtype::f32, out = Dtype::f32;
  bool transpose_a = false, transpose_b = false, accumulate = false;
  bool is_free() const { return m == 0; }
  bool operator==(const PrimitiveKey&) const = default;
};

struct KeyHash {
  std::size_t operator()(const PrimitiveKey& key) const {
    std::uint64_t hash = static_cast<std::uint64_t>(key.in) * 4 + static_cast<std::uint64_t>(key.out);
    const std::int64_t flags = key.transpose_a * 4 + key.transpose_b * 2 + key.accumulate;
    for (const std::int64_t value : {key.m, key.n, key.k, key.stride_a, key.stride_b, key.stride_c, flags}) {
      hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

Memory::data_type data_type_of(Dtype dtype) {
  require(dtype == Dtype::f32 || dtype == Dtype::bf16, "oneDNN multiplies fp32 and bf16");
  return dtype == Dtype::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
}

// What oneDNN calls a matrix whose element (i, j) lies at i · stride + j, or i + j · stride where it is transposed.
Memory::desc describe(std::int64_t rows, std::int64_t cols, std::int64_t stride, bool transposed, Dtype dtype) {
  const Memory::dims strides = transposed ? Memory::dims{1, stride} : Memory::dims{stride, 1};
  return {{rows, cols}, data_type_of(dtype), strides};
}

// The three matrices of `key`; sizes and strides that a free primitive leaves open come from `fill`.
std::array<Memory::desc, 3> describe_operands(const PrimitiveKey& key, std::int64_t fill) {
  const auto size = [&](std::int64_t value) { return key.is_free() ? fill : value; };
  return {describe(size(key.m), size(key.k), size(key.stride_a), key.transpose_a, key.in),
          describe(size(key.k), size(key.n), size(key.stride_b), key.transpose_b, key.in),
          describe(size(key.m), size(key.n), size(key.stride_c), false, key.out)};
}

// A stride must be at least the row's length for oneDNN, also where there is only one row.
std::int64_t usable_stride(const TensorView& view) { return std::max(view.stride, view.cols); }

// True where a primitive of its own pays. Rows of activations (m, or the depth of a weight gradient) come in any
// number; only few numbers of them get one, so that the number of primitives is bounded.
bool deserves_fixed(const PrimitiveKey& key) {
  const std::int64_t rows = key.transpose_a ? key.k : key.m;
  const bool few_row_counts = rows % 512 == 0 || (rows % 64 == 0 && rows < 512);
  const bool even = key.m % 32 == 0 && key.n % 32 == 0 && key.k % 32 == 0;
  const bool in_cache = key.transpose_a ? key.m * key.n <= 256 * 512 : key.n * key.k <= 1024 * 512;
  return few_row_counts && even && in_cache;
}

PrimitiveKey key_of(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                    const TensorView& c, bool accumulate) {
  return {.m = c.rows,
          .n = c.cols,
          .k = transpose_a == Transpose::yes ? a.rows : a.cols,
          .stride_a = usable_stride(a),
          .stride_b = usable_stride(b),
          .stride_c = usable_stride(c),
          .in = a.dtype,
          .out = c.dtype,
          .transpose_a = transpose_a == Transpose::yes,
          .transpose_b = transpose_b == Transpose::yes,
          .accumulate = accumulate};
}

// The key itself, or the free one that serves it.
PrimitiveKey primitive_key(const PrimitiveKey& key, Sizes sizes) {
  if (sizes == Sizes::repeated && deserves_fixed(key)) return key;
  return {.in = key.in,
          .out = key.out,
          .transpose_a = key.transpose_a,
          .transpose_b = key.transpose_b,
          .accumulate = key.accumulate};
}

void fill_zero(const TensorView& view) {
  const std::size_t row_bytes = static_cast<std::size_t>(view.cols) * dtype_bytes(view.dtype);
  for (std::int64_t i = 0; i < view.rows; ++i) std::memset(view.rows_from(i, 1).data, 0, row_bytes);
}

// oneDNN offers its older routine first where C is fp32, though this one is up to a tenth faster on small blocks.
void prefer_batch_reduce(dnnl::matmul::primitive_desc& description) {
  dnnl::matmul::primitive_desc candidate = description;
  do {
    if (std::string_view(candidate.impl_info_str()).starts_with("brg")) {
      description = candidate;
      return;
    }
  } while (candidate.next_impl());
}

// oneDNN does not tell what a primitive holds; measured over 100 shapes.
constexpr std::int64_t primitive_bytes = 58 << 10;

struct Primitive {
  dnnl::matmul matmul;
  std::array<Memory, 4> operands;  // A, B, C, scratchpad; of a fixed primitive made once, only their pointers change
  std::size_t scratch_bytes = 0;
};

}  // namespace

bool bf16_products_supported() {
  const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

struct CpuGemm::Impl {
  Workspace& workspace;
  int num_threads;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::unordered_map<PrimitiveKey, Primitive, KeyHash> primitives{};

  Primitive& find(const PrimitiveKey& key) {
    const auto found = primitives.find(key);
    if (found != primitives.end()) return found->second;
    workspace.count_elsewhere(primitive_bytes);
    return primitives.emplace(key, make(key)).first->second;
  }

  Primitive make(const PrimitiveKey& key) const {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (key.accumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    const auto [a, b, c] = describe_operands(key, DNNL_RUNTIME_DIM_VAL);
    dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine);
    if (!key.is_free()) prefer_batch_reduce(description);
    Primitive made{dnnl::matmul(description), {}, description.scratchpad_desc().get_size()};
    if (!key.is_free()) {
      made.operands = {Memory(a, engine, nullptr), Memory(b, engine, nullptr), Memory(c, engine, nullptr), {}};
    }
    made.operands[3] = Memory(description.scratchpad_desc(), engine, nullptr);
    return made;
  }

  void run(Primitive& primitive, const PrimitiveKey& shape, const std::array<void*, 3>& data) {
    auto& operands = primitive.operands;
    if (!operands[0]) {
      const auto descriptions = describe_operands(shape, 0);
      std::array<Memory, 3> once;
      for (std::size_t i = 0; i < 3; ++i) once[i] = Memory(descriptions[i], engine, data[i]);
      execute(primitive, {once[0].get(), once[1].get(), once[2].get()});
      return;
    }
    for (std::size_t i = 0; i < 3; ++i) operands[i].set_data_handle(data[i]);
    execute(primitive, {operands[0].get(), operands[1].get(), operands[2].get()});
  }

  void execute(Primitive& primitive, const std::array<dnnl_memory_t, 3>& operands) {
    const Workspace::Scope scope(workspace);
    if (primitive.scratch_bytes > 0) primitive.operands[3].set_data_handle(workspace.take(primitive.scratch_bytes));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, operands[0]},
                                         {DNNL_ARG_WEIGHTS, operands[1]},
                                         {DNNL_ARG_DST, operands[2]},
                                         {DNNL_ARG_SCRATCHPAD, primitive.operands[3].get()}};
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.matmul.get(), stream.get(), 4, arguments),
                            "a matrix product failed");
  }
};

// Free primitives allocate at every call, whatever scratchpad they are given; where a heap ended there, a step took up
// to a tenth longer.
CpuGemm::CpuGemm(Workspace& workspace, int num_threads) : impl_(new Impl{workspace, num_threads}) {
  static std::once_flag once;
  std::call_once(once, keep_freed_memory);
  bind_thread();
}

CpuGemm::~CpuGemm() { impl_->workspace.count_elsewhere(-bytes_held()); }

void CpuGemm::bind_thread() const { omp_set_num_threads(impl_->num_threads); }

void CpuGemm::multiply(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                       const TensorView& c, bool accumulate, Sizes sizes) {
  const PrimitiveKey key = key_of(a, transpose_a, b, transpose_b, c, accumulate);
  if (key.m == 0 || key.n == 0) return;
  if (key.k == 0) {
    if (!accumulate) fill_zero(c);
    return;
  }
  require(a.dtype == b.dtype && (transpose_a == Transpose::yes ? a.cols : a.rows) == key.m &&
              (transpose_b == Transpose::yes ? b.cols : b.rows) == key.k &&
              (transpose_b == Transpose::yes ? b.rows : b.cols) == key.n,
          "the operands of a product have one type and shapes that fit");
  if (key.in == Dtype::f64) {
    multiply_f64(impl_->workspace, a, transpose_a, b, transpose_b, c, accumulate);
    return;
  }
  impl_->run(impl_->find(primitive_key(key, sizes)), key, {a.data, b.data, c.data});
}

std::int64_t CpuGemm::prepare(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                              const TensorView& c, bool accumulate, Sizes sizes) {
  const PrimitiveKey key = key_of(a, transpose_a, b, transpose_b, c, accumulate);
  if (key.m == 0 || key.n == 0 || key.k == 0) return 0;
  if (key.in == Dtype::f64) return multiply_f64_scratch_bytes(c.cols);
  const std::size_t bytes = impl_->find(primitive_key(key, sizes)).scratch_bytes;
  return bytes == 0 ? 0 : Workspace::rounded(static_cast<std::int64_t>(bytes));
}

std::int64_t CpuGemm::bytes_held() const {
  return static_cast<std::int64_t>(impl_->primitives.size()) * primitive_bytes;
}

}  // namespace dsrun
