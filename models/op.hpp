// The closed list of ops that a model is made of. Shapes, costs and saved values: models/op_table.hpp; kernels:
// runtime/backend/cpu/cpu_backend.cpp. A new op is one entry here and one row in each table; without a row the program
// does not compile.
//
// Shape legend: T tokens of a microbatch on this rank · R rows routed to this rank (known at run time) · D hidden ·
// H heads · N nope_dim · P rope_dim · V value_dim · Q q_rank · C kv_rank · E experts · L local experts · K experts per
// token · F feed-forward dim · W vocabulary. All values are row-major matrices [rows × cols].
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dsl/specs/model.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

enum class Op : std::uint8_t {
  embed,            // tokens (`depth` ahead) → x_TD; parameter [W × D]
  rms_norm,         // x_TD → y_TD; parameter [D]; y = w · x / sqrt(mean(x²) + eps), fp32 inside
  linear,           // x_Ti → y_To = x Aᵀ; parameter A [o × i]
  rope,             // q_T,H(N+P) → q with each head's last P columns rotated; pairs (2i, 2i+1)
  kv_latent,        // a_T,(C+P) → c_TC = rms_norm(first C columns), kr_TP = rope(last P); parameter [C]
  attention,        // q_T,H(N+P), kv_T,H(N+V) (per head [k | v]), kr_TP → o_T,HV, lse_TH (fp32); causal in a sequence
  swiglu,           // a_T,2F = [gate | up] → h_TF = silu(gate) · up
  add,              // x_TD, y_TD → z_TD
  concat,           // x_TD, y_TD → z_T,2D = [x | y]
  router,           // logits_TE (fp32) → gates_TK (fp32), indices_TK (i32), scores_TE (fp32 sigmoid); state bias [E]
  exchange_counts,  // indices_TK → routing (host value: who sends which row where); makes R known
  dispatch,         // x_TD, gates_TK, routing → rows_RD sorted by local expert, row_gates_R1 (fp32)
  grouped_linear,   // rows_Ri, routing → y_Ro = per local expert x Aₑᵀ; parameter A [L × o × i]
  gated_swiglu,     // a_R,2F, row_gates_R1 → h_RF = gate · silu(a_gate) · a_up
  combine,          // y_RD, routing → z_TD = Σ over the token's rows, summed in rank, then expert order
  head_loss,  // x_TD, targets (`depth` further) → Σ cross entropy (host value), lse_T1 (fp32); parameter [W × D];
              // chunked over T
};
inline constexpr std::size_t num_ops = num_enumerators<Op>();

std::string_view op_name(Op op);

// Constants that an op needs besides its operands; a field that an op does not use is 0.
struct OpAttributes {
  int heads = 0;
  int nope_dim = 0;
  int rope_dim = 0;
  int value_dim = 0;
  int kv_rank = 0;
  double eps = 0;            // rms_norm, kv_latent
  double rope_theta = 0;     // rope, kv_latent
  YarnSpec yarn{};           // rope, kv_latent
  double softmax_scale = 0;  // attention; models/rope.hpp
  int experts = 0;           // router
  int experts_per_token = 0;
  int expert_groups = 0;
  int groups_per_token = 0;
  double routed_scaling = 0;
  int vocab = 0;  // embed, head_loss
  int depth = 0;  // embed, head_loss: depth of their multi-token prediction module, from 1; 0: the main model
};

}  // namespace dsrun
