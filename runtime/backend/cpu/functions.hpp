// The CPU's functions, which cpu_backend.cpp puts into a Backend. Their contracts are in runtime/backend/: kernel.hpp,
// rows.hpp, adamw.hpp, initial_values.hpp and needs.hpp. The kernel functions of an op have
// their own .cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/backend/adamw.hpp"
#include "runtime/backend/kernel.hpp"
#include "runtime/backend/needs.hpp"

namespace dsrun {

void embed_forward(const KernelCall&);
void embed_backward_weight(const KernelCall&);

void rms_norm_forward(const KernelCall&);
void rms_norm_backward_input(const KernelCall&);
void rms_norm_backward_weight(const KernelCall&);

void linear_forward(const KernelCall&);
void linear_backward_input(const KernelCall&);
void linear_backward_weight(const KernelCall&);

void rope_forward(const KernelCall&);
void rope_backward_input(const KernelCall&);

void kv_latent_forward(const KernelCall&);
void kv_latent_backward_input(const KernelCall&);
void kv_latent_backward_weight(const KernelCall&);

void attention_forward(const KernelCall&);
void attention_backward_input(const KernelCall&);

void swiglu_forward(const KernelCall&);
void swiglu_backward_input(const KernelCall&);

void add_forward(const KernelCall&);
void add_backward_input(const KernelCall&);

void concat_forward(const KernelCall&);
void concat_backward_input(const KernelCall&);

void router_forward(const KernelCall&);
void router_backward_input(const KernelCall&);

void grouped_linear_forward(const KernelCall&);
void grouped_linear_backward_input(const KernelCall&);
void grouped_linear_backward_weight(const KernelCall&);

void gated_swiglu_forward(const KernelCall&);
void gated_swiglu_backward_input(const KernelCall&);

void head_loss_forward(const KernelCall&);
void head_loss_backward_input(const KernelCall&);
void head_loss_backward_weight(const KernelCall&);

void pack_rows(const TensorView& x, const SendPlan& plan, const TensorView& message);
void expand_rows(const TensorView& message, const ReceivePlan& plan, const TensorView& rows);
void reduce_rows(const TensorView& rows, const ReceivePlan& plan, const TensorView& message);
void sum_messages(std::span<const TensorView> by_destination, std::span<const SendPlan> sends, const TensorView& z,
                  const TensorView& addend);
void pack_gates(const TensorView& gates, const SendPlan& plan, const TensorView& pairs);
void expand_gates(const TensorView& pairs, const ReceivePlan& plan, const TensorView& row_gates);
void collect_gates(const TensorView& row_gates, const ReceivePlan& plan, const TensorView& pairs);
void scatter_gates(const TensorView& pairs, const SendPlan& plan, const TensorView& gates);
void pick_gates(const TensorView& gates, const SendPlan& plan, const TensorView& pairs);
void place_gates(const TensorView& pairs, const SendPlan& plan, const TensorView& gates);

void adamw_update(const AdamwStep& step, const TensorView& master, const TensorView& gradient,
                  const TensorView& moment1, const TensorView& moment2, const TensorView& weights);
void average_weights(double decay, const TensorView& values, const TensorView& average);
double sum_squares(const TensorView& row);
void sum_slices(std::span<const TensorView> slices, const TensorView& out);

void fill_normal(std::uint64_t seed, std::string_view name, std::int64_t begin, double std, const TensorView& out);
void fill_constant(double value, const TensorView& out);

void add_cpu_needs(Op op, const CallShape& shape, CallNeeds& needs);

}  // namespace dsrun
