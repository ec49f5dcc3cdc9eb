// The words that a job file has for the enums of dsl/specs/.
#pragma once

#include "dsl/specs/balance.hpp"
#include "dsl/specs/cluster.hpp"
#include "dsl/specs/data.hpp"
#include "dsl/specs/optimizer.hpp"
#include "dsl/specs/parallel.hpp"
#include "dsl/specs/precision.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

inline constexpr EnumNames<Precision, 3> precision_names({{Precision::fp64, "fp64"},
                                                          {Precision::fp32, "fp32"},
                                                          {Precision::bf16, "bf16"}});
inline constexpr EnumNames<Products, 2> products_names({{Products::compute, "compute"}, {Products::fp8, "fp8"}});
inline constexpr EnumNames<Dispatch, 3> dispatch_names({{Dispatch::automatic, "auto"},
                                                        {Dispatch::direct, "direct"},
                                                        {Dispatch::two_hop, "two_hop"}});
inline constexpr EnumNames<PackingKind, 2> packing_names({{PackingKind::stream, "stream"},
                                                          {PackingKind::best_fit, "best_fit"}});
inline constexpr EnumNames<Moments, 2> moments_names({{Moments::fp32, "fp32"}, {Moments::bf16, "bf16"}});
inline constexpr EnumNames<ScoresCounted, 3> scores_names({{ScoresCounted::paper, "paper"},
                                                           {ScoresCounted::unbiased, "unbiased"},
                                                           {ScoresCounted::biased, "biased"}});
inline constexpr EnumNames<WarmupFrom, 2> warmup_names({{WarmupFrom::first, "first"}, {WarmupFrom::zero, "zero"}});
inline constexpr EnumNames<Decay, 2> decay_names({{Decay::matrices, "matrices"}, {Decay::all, "all"}});
inline constexpr EnumNames<Isolation, 2> isolation_names({{Isolation::thread, "thread"},
                                                          {Isolation::process, "process"}});
inline constexpr EnumNames<Launcher, 3> launcher_names({{Launcher::local, "local"},
                                                        {Launcher::ssh, "ssh"},
                                                        {Launcher::wait, "wait"}});

}  // namespace dsrun
