#include "runtime/transport/collectives/collective_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "runtime/schedule/enum_table.hpp"
#include "runtime/transport/collectives/plan_builder.hpp"

namespace dsrun {
namespace {

// Where one message to everybody stops being cheaper than several rounds or pieces; measured on shared memory.
constexpr std::size_t little_on_shared_memory = std::size_t{16} << 10;
constexpr std::size_t little_on_network = std::size_t{64} << 10;
constexpr int few_ranks = 8;  // more senders at once swamp a receiver's network link

}  // namespace

std::string_view collective_name(Collective collective) {
  constexpr EnumNames<Collective, num_collectives> names({{Collective::barrier, "barrier"},
                                                          {Collective::all_gather, "all_gather"},
                                                          {Collective::reduce_scatter, "reduce_scatter"},
                                                          {Collective::all_reduce, "all_reduce"},
                                                          {Collective::all_to_all_v, "all_to_all_v"}});
  return names[collective];
}

std::string_view algorithm_name(Algorithm algorithm) {
  constexpr EnumNames<Algorithm, num_algorithms> names({{Algorithm::dissemination, "dissemination"},
                                                        {Algorithm::direct, "direct"},
                                                        {Algorithm::recursive_doubling, "recursive_doubling"},
                                                        {Algorithm::scatter_gather, "scatter_gather"},
                                                        {Algorithm::ring, "ring"}});
  return names[algorithm];
}

Algorithm choose_algorithm(Collective collective, std::size_t num_bytes, int num_ranks, GroupLink link) {
  const bool on_network = link == GroupLink::network;
  const bool is_little = num_bytes <= (on_network ? little_on_network : little_on_shared_memory);
  const bool are_many = on_network && num_ranks > few_ranks;
  switch (collective) {
    case Collective::barrier:
      return Algorithm::dissemination;
    case Collective::all_to_all_v:
      return Algorithm::direct;
    case Collective::all_gather:
    case Collective::reduce_scatter:
      return are_many && !is_little ? Algorithm::ring : Algorithm::direct;
    case Collective::all_reduce:
      if (!is_little) return are_many ? Algorithm::ring : Algorithm::scatter_gather;
      if (num_ranks <= few_ranks) return Algorithm::direct;
      return std::has_single_bit(static_cast<unsigned>(num_ranks)) ? Algorithm::recursive_doubling
                                                                   : Algorithm::scatter_gather;
  }
  return Algorithm::direct;
}

// Over shared memory the cores that add also copy, so that only small, eager messages overlap with anything; of large
// pieces a chunk need only fit the cache.
std::size_t chunk_bytes(std::size_t num_bytes, GroupLink link) {
  constexpr std::size_t kib = 1024;
  if (link == GroupLink::shared_memory) return num_bytes <= 64 * kib ? 32 * kib : 256 * kib;
  return std::clamp((num_bytes / 4 + 63) / 64 * 64, 64 * kib, 512 * kib);
}

void plan_collective(const CollectiveShape& shape, CollectivePlan& plan) {
  plan.actions.clear();
  plan.scratch_bytes = 0;
  PlanBuilder builder(shape, plan);
  switch (shape.collective) {
    case Collective::barrier:
      return builder.barrier();
    case Collective::all_gather:
      return shape.algorithm == Algorithm::ring ? builder.ring_gather() : builder.direct_gather();
    case Collective::reduce_scatter:
      return shape.algorithm == Algorithm::ring ? builder.ring_reduce() : builder.reduce_pieces();
    case Collective::all_to_all_v:
      return builder.all_to_all();
    case Collective::all_reduce:
      if (shape.algorithm == Algorithm::ring) return builder.ring_reduce();
      if (shape.algorithm == Algorithm::scatter_gather) return builder.reduce_pieces();
      if (shape.algorithm == Algorithm::recursive_doubling) return builder.doubling();
      return builder.direct_reduce();
  }
}

std::string to_string(const CollectivePlan& plan) {
  constexpr EnumNames<ActionKind, 4> kinds({{ActionKind::send, "send"},
                                            {ActionKind::receive, "receive"},
                                            {ActionKind::add, "add"},
                                            {ActionKind::copy, "copy"}});
  constexpr EnumNames<MemoryPlace, 3> places(
      {{MemoryPlace::input, "input"}, {MemoryPlace::output, "output"}, {MemoryPlace::scratch, "scratch"}});
  std::string text;
  int index = 0;
  for (const Action& action : plan.actions) {
    fmt::format_to(std::back_inserter(text), "{}: {} {} B at {}+{}", index++, kinds[action.kind], action.num_bytes,
                   places[action.at.place], action.at.offset);
    if (action.kind == ActionKind::send) text += fmt::format(" to {} as {}", action.peer, action.message);
    if (action.kind == ActionKind::receive) text += fmt::format(" from {} as {}", action.peer, action.message);
    if (action.end_needed > action.first_needed)
      text += fmt::format(" after {}..{}", action.first_needed, action.end_needed - 1);
    if (action.also_needed >= 0) text += fmt::format(" and {}", action.also_needed);
    text += "\n";
  }
  return text;
}

}  // namespace dsrun
