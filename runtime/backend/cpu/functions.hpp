// The CPU kernel functions, one .cpp an op; runtime/backend/cpu/table.cpp puts them into rows. Contract: kernel.hpp.
#pragma once

#include "runtime/backend/kernel.hpp"

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

}  // namespace dsrun
