#include "runtime/transport/collectives/plan_builder.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace dsrun {
namespace {

constexpr int num_slots = 4;  // chunks of one sender that may wait to be added

std::size_t aligned(std::size_t num_bytes) { return (num_bytes + 63) / 64 * 64; }
std::size_t offset_of(std::span<const std::size_t> bytes, int rank) {
  return std::accumulate(bytes.begin(), bytes.begin() + rank, std::size_t{0});
}

}  // namespace

PlanBuilder::PlanBuilder(const CollectiveShape& shape, CollectivePlan& plan) : shape_(shape), plan_(plan) {
  assert(shape.rank >= 0 && shape.rank < shape.num_ranks);
}

PlanBuilder::Range PlanBuilder::piece(int rank) const {
  if (!is_all_reduce()) return {offset_of(shape_.bytes, rank), shape_.bytes[static_cast<std::size_t>(rank)]};
  const std::size_t elements = shape_.bytes[0] / shape_.element_bytes;
  const auto begin_of = [&](int p) {
    return elements * static_cast<std::size_t>(p) / static_cast<std::size_t>(shape_.num_ranks) * shape_.element_bytes;
  };
  return {begin_of(rank), begin_of(rank + 1) - begin_of(rank)};
}

PlanBuilder::Range PlanBuilder::chunk(Range whole, int index) const {
  const std::size_t begin = std::min(static_cast<std::size_t>(index) * shape_.chunk, whole.num_bytes);
  return {whole.offset + begin, std::min(shape_.chunk, whole.num_bytes - begin)};
}

int PlanBuilder::num_chunks() const {
  std::size_t largest = 0;
  for (int rank = 0; rank < shape_.num_ranks; ++rank) largest = std::max(largest, piece(rank).num_bytes);
  return static_cast<int>((largest + shape_.chunk - 1) / shape_.chunk);
}

// Messages of no bytes are left out on both sides, but for the barrier's.
int PlanBuilder::send(int peer, std::uint32_t message, Spot from, std::size_t num_bytes, int also_needed) {
  if (num_bytes == 0 && shape_.collective != Collective::barrier) return -1;
  Action action;
  action.kind = ActionKind::send;
  action.peer = peer;
  action.message = message;
  action.at = from;
  action.num_bytes = num_bytes;
  action.also_needed = also_needed;
  return add(action);
}

int PlanBuilder::receive(int peer, std::uint32_t message, Spot to, std::size_t num_bytes, int also_needed) {
  const int index = send(peer, message, to, num_bytes, also_needed);
  if (index >= 0) plan_.actions.back().kind = ActionKind::receive;
  return index;
}

int PlanBuilder::add(Action action) {
  plan_.actions.push_back(action);
  return next() - 1;
}

void PlanBuilder::copy(Spot from, Spot to, std::size_t num_bytes) {
  if (num_bytes == 0) return;
  Action action;
  action.kind = ActionKind::copy;
  action.own = from;
  action.at = to;
  action.num_bytes = num_bytes;
  add(action);
}

void PlanBuilder::barrier() {
  int needed = -1;
  std::uint32_t round = 0;
  for (int distance = 1; distance < shape_.num_ranks; distance *= 2, ++round) {
    send(after(distance), round, {}, 0, needed);
    needed = receive(before(distance), round, {}, 0, needed);
  }
}

void PlanBuilder::direct_gather() {
  const Range own = piece(shape_.rank);
  for (int k = 1; k < shape_.num_ranks; ++k) {
    const Range theirs = piece(before(k));
    receive(before(k), 0, {MemoryPlace::output, theirs.offset}, theirs.num_bytes);
    send(after(k), 0, {MemoryPlace::input, 0}, own.num_bytes);
  }
  copy({MemoryPlace::input, 0}, {MemoryPlace::output, own.offset}, own.num_bytes);
}

void PlanBuilder::all_to_all() {
  const auto rank = [](int r) { return static_cast<std::size_t>(r); };
  for (int k = 1; k < shape_.num_ranks; ++k) {
    const int from = before(k), to = after(k);
    receive(from, 0, {MemoryPlace::output, offset_of(shape_.receive_bytes, from)}, shape_.receive_bytes[rank(from)]);
    send(to, 0, {MemoryPlace::input, offset_of(shape_.bytes, to)}, shape_.bytes[rank(to)]);
  }
  const int own = shape_.rank;
  copy({MemoryPlace::input, offset_of(shape_.bytes, own)}, {MemoryPlace::output, offset_of(shape_.receive_bytes, own)},
       shape_.bytes[rank(own)]);
}

void PlanBuilder::direct_reduce() {
  const std::size_t num_bytes = shape_.bytes[0];
  if (num_bytes == 0) return;
  const std::size_t stride = aligned(num_bytes);
  const Spot vector{MemoryPlace::output, 0};
  for (int k = 1; k < shape_.num_ranks; ++k) {
    const int from = before(k), slot = from < shape_.rank ? from : from - 1;
    receive(from, 0, {MemoryPlace::scratch, static_cast<std::size_t>(slot) * stride}, num_bytes);
    send(after(k), 0, vector, num_bytes);
  }
  Action sum;
  sum.kind = ActionKind::add;
  sum.at = sum.own = vector;
  sum.others = {MemoryPlace::scratch, 0};
  sum.num_bytes = num_bytes;
  sum.stride = stride;
  sum.num_sources = shape_.num_ranks;
  sum.own_source = shape_.rank;
  sum.end_needed = next();
  add(sum);
  plan_.scratch_bytes = stride * static_cast<std::size_t>(shape_.num_ranks - 1);
}

void PlanBuilder::doubling() {
  const std::size_t num_bytes = shape_.bytes[0];
  if (num_bytes == 0) return;
  const Spot vector{MemoryPlace::output, 0};
  int needed = -1;
  std::uint32_t round = 0;
  for (int distance = 1; distance < shape_.num_ranks; distance *= 2, ++round) {
    const int peer = shape_.rank ^ distance;
    Action sum;
    sum.kind = ActionKind::add;
    sum.at = sum.own = vector;
    sum.others = {MemoryPlace::scratch, round * aligned(num_bytes)};
    sum.num_bytes = num_bytes;
    sum.num_sources = 2;
    sum.own_source = shape_.rank < peer ? 0 : 1;
    sum.first_needed = receive(peer, round, sum.others, num_bytes);
    sum.end_needed = send(peer, round, vector, num_bytes, needed) + 1;
    needed = add(sum);
  }
  plan_.scratch_bytes = round * aligned(num_bytes);
}

void PlanBuilder::reduce_pieces() {
  const Range own = piece(shape_.rank);
  const std::size_t num_others = static_cast<std::size_t>(shape_.num_ranks - 1);
  auto& sums = plan_.marks;  // of the last chunks, by slot
  sums.assign(num_slots, -1);
  plan_.scratch_bytes = num_slots * num_others * shape_.chunk;
  for (int c = 0, chunks = num_chunks(); c < chunks; ++c) {
    const auto message = static_cast<std::uint32_t>(2 * c);
    const auto slot = static_cast<std::size_t>(c % num_slots);
    const Range part = chunk(own, c);
    Action sum;
    sum.kind = ActionKind::add;
    sum.own = {vector_place(), part.offset};
    sum.at = {MemoryPlace::output, is_all_reduce() ? part.offset : part.offset - own.offset};
    sum.others = {MemoryPlace::scratch, slot * num_others * shape_.chunk};
    sum.num_bytes = part.num_bytes;
    sum.stride = shape_.chunk;
    sum.num_sources = shape_.num_ranks;
    sum.own_source = shape_.rank;
    sum.first_needed = next();
    for (int k = 1; k < shape_.num_ranks; ++k) {
      const int from = before(k);
      const auto place = static_cast<std::size_t>(from < shape_.rank ? from : from - 1);
      receive(from, message, {MemoryPlace::scratch, sum.others.offset + place * shape_.chunk}, part.num_bytes,
              sums[slot]);
    }
    sum.end_needed = next();
    for (int k = 1; k < shape_.num_ranks; ++k) {
      const Range theirs = chunk(piece(after(k)), c);
      send(after(k), message, {vector_place(), theirs.offset}, theirs.num_bytes);
    }
    if (part.num_bytes > 0) sums[slot] = add(sum);
    if (!is_all_reduce()) continue;
    for (int k = 1; k < shape_.num_ranks; ++k) {
      // A sum arrives only after its owner has read what was sent from the same place: no need to wait for the send.
      const Range theirs = chunk(piece(before(k)), c);
      receive(before(k), message + 1, {MemoryPlace::output, theirs.offset}, theirs.num_bytes);
      send(after(k), message + 1, {MemoryPlace::output, part.offset}, part.num_bytes, sums[slot]);
    }
  }
}

void PlanBuilder::ring_gather() {
  const Range own = piece(shape_.rank);
  copy({MemoryPlace::input, 0}, {MemoryPlace::output, own.offset}, own.num_bytes);
  const int chunks = num_chunks();
  plan_.marks.assign(static_cast<std::size_t>(chunks), next() - 1);
  ring_spread(0, chunks);
}

// Passes on, step by step, what is complete in the output: first the own piece, once plan_.marks[chunk] is done.
void PlanBuilder::ring_spread(int first_message, int chunks) {
  for (int step = 0; step + 1 < shape_.num_ranks; ++step)
    for (int c = 0; c < chunks; ++c) {
      auto& needed = plan_.marks[static_cast<std::size_t>(c)];
      const auto message = static_cast<std::uint32_t>(first_message + step * chunks + c);
      const Range out = chunk(piece(before(step)), c), in = chunk(piece(before(step + 1)), c);
      send(after(1), message, {MemoryPlace::output, out.offset}, out.num_bytes, needed);
      needed = receive(before(1), message, {MemoryPlace::output, in.offset}, in.num_bytes);
    }
}

void PlanBuilder::ring_reduce() {
  const int chunks = num_chunks();
  const std::size_t area = static_cast<std::size_t>(chunks) * shape_.chunk;
  plan_.scratch_bytes = 2 * area;  // of even and of odd steps
  auto& marks = plan_.marks;       // by chunk: the last step's sum, then the last two steps' sends
  marks.assign(3 * static_cast<std::size_t>(chunks), -1);
  for (int step = 0; step + 1 < shape_.num_ranks; ++step) {
    const bool is_last = step + 2 == shape_.num_ranks;
    for (int c = 0; c < chunks; ++c) {
      const auto i = static_cast<std::size_t>(c), parity = static_cast<std::size_t>(step % 2);
      int& sum_before = marks[i];
      int& sent = marks[static_cast<std::size_t>(chunks) * (1 + parity) + i];
      const int read_before = marks[static_cast<std::size_t>(chunks) * (2 - parity) + i];
      const auto message = static_cast<std::uint32_t>(step * chunks + c);
      const Range out = chunk(piece(before(step + 1)), c), in = chunk(piece(before(step + 2)), c);
      const Spot room{MemoryPlace::scratch, parity * area + i * shape_.chunk};
      const Spot from{MemoryPlace::scratch, (1 - parity) * area + i * shape_.chunk};
      Action sum;
      sum.kind = ActionKind::add;
      // The step before last's sum in this room has been sent by the last step.
      sum.first_needed = receive(before(1), message, room, in.num_bytes, read_before);
      sum.end_needed = sum.first_needed + 1;
      sent = send(after(1), message, step == 0 ? Spot{vector_place(), out.offset} : from, out.num_bytes, sum_before);
      sum_before = -1;
      if (in.num_bytes == 0) continue;
      sum.own = {vector_place(), in.offset};
      sum.others = room;
      sum.at = !is_last ? room : Spot{MemoryPlace::output, is_all_reduce() ? in.offset : i * shape_.chunk};
      sum.num_bytes = in.num_bytes;
      sum.num_sources = 2;
      sum.own_source = 1;
      sum_before = add(sum);
    }
  }
  if (is_all_reduce()) ring_spread((shape_.num_ranks - 1) * chunks, chunks);
}

}  // namespace dsrun
