// A collective operation as data: what one rank of a group sends, receives and adds up, and in which order. The
// functions are pure: they use neither UCX nor buffers. runtime/transport/collectives/collectives.hpp executes a plan.
//
// Sums do not depend on the order of arrival. `direct` and `scatter_gather` add the ranks' values in rank order, ((x0 +
// x1) + x2) + …. They add bf16 in f32 and round once at the end, so both give the same bits. `recursive_doubling` adds
// pairs, then pairs of pairs, and so on; `ring` adds piece p in the order p+1, p+2, …, p.
//
// To add an algorithm, add an enumerator, its name and a builder, and the case in which choose_algorithm() returns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

enum class Collective : std::uint8_t { barrier, all_gather, reduce_scatter, all_reduce, all_to_all_v };
inline constexpr std::size_t num_collectives = num_enumerators<Collective>();
std::string_view collective_name(Collective collective);

enum class Algorithm : std::uint8_t {
  dissemination,       // barrier: log2 rounds
  direct,              // every rank with every other, one step
  recursive_doubling,  // all-reduce of little data among a power of two
  scatter_gather,      // all-reduce: each adds up a piece and sends it to all, chunk by chunk
  ring,                // pieces go around the ring and are added or gathered on the way
};
inline constexpr std::size_t num_algorithms = num_enumerators<Algorithm>();
std::string_view algorithm_name(Algorithm algorithm);

enum class GroupLink : std::uint8_t { shared_memory, network };  // the slowest link between two members

// Gives the same answer on every rank. `num_bytes` is the size of the whole vector: all ranks' parts together.
Algorithm choose_algorithm(Collective collective, std::size_t num_bytes, int num_ranks, GroupLink link);
// Bytes that one message carries where sending and adding overlap.
std::size_t chunk_bytes(std::size_t num_bytes, GroupLink link);

enum class MemoryPlace : std::uint8_t { input, output, scratch };

struct Spot {  // a range of one of the three memories
  MemoryPlace place = MemoryPlace::input;
  std::size_t offset = 0;  // bytes
  bool operator==(const Spot&) const = default;
};

enum class ActionKind : std::uint8_t { send, receive, add, copy };

// One thing to do. It may begin when the actions [first_needed, end_needed) and `also_needed` are done.
struct Action {
  ActionKind kind = ActionKind::send;
  int peer = 0;               // send, receive: member of the group
  std::uint32_t message = 0;  // send, receive: number of the message among those from sender to receiver
  Spot at;                    // what is sent, or where the result goes
  std::size_t num_bytes = 0;
  // add: at = sum over the ranks 0 … num_sources-1. The value of rank `own_source` is at `own`; the others' values are
  // at `others`, one after the other, `stride` bytes apart. copy: at = own.
  Spot own, others;
  std::size_t stride = 0;
  int num_sources = 0;
  int own_source = 0;
  int first_needed = 0, end_needed = 0;
  int also_needed = -1;
};

struct CollectiveShape {
  Collective collective = Collective::barrier;
  Algorithm algorithm = Algorithm::direct;
  int rank = 0;  // member of the group
  int num_ranks = 1;
  std::size_t element_bytes = 1;
  std::size_t chunk = std::size_t{256} << 10;  // bytes
  // Bytes by rank. all_gather: what each gives; reduce_scatter: what each gets; all_reduce: one number, the vector.
  // all_to_all_v: what this rank sends to each; `receive_bytes` what it gets from each.
  std::span<const std::size_t> bytes;
  std::span<const std::size_t> receive_bytes;
};

// Input and output: all_gather: own part → all parts, by rank. reduce_scatter: vector → own part. all_reduce: output
// alone, in place. all_to_all_v: parts by destination → parts by source.
struct CollectivePlan {
  std::vector<Action> actions;
  std::size_t scratch_bytes = 0;
  std::vector<int> marks;  // the builder's own
};

// Fills `plan`, whose memory is reused.
void plan_collective(const CollectiveShape& shape, CollectivePlan& plan);

std::string to_string(const CollectivePlan& plan);  // an action a line

}  // namespace dsrun
