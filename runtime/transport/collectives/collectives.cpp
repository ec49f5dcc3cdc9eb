#include "runtime/transport/collectives/collectives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "runtime/machine/peak.hpp"
#include "runtime/transport/collectives/sums.hpp"

namespace dsrun {
namespace {

constexpr std::size_t scratch_alignment = 4096;
// Up to here two copies beat one that waits for the receiver: in an all-reduce, where chunks overlap with sums, and
// where ranks have to wait for cores.
constexpr std::size_t most_early = std::size_t{64} << 10;
constexpr int message_bits = 24;  // of a sequence number; the rest counts operations

[[maybe_unused]] std::size_t total(std::span<const std::size_t> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), std::size_t{0});
}

}  // namespace

void CollectiveGroup::Free::operator()(std::byte* bytes) const { std::free(bytes); }

CollectiveGroup::CollectiveGroup(UcxWorker& worker, GroupOptions options)
    : worker_(worker), options_(std::move(options)), is_crowded_(std::ssize(options_.members) > num_cores()) {
  const auto& members = options_.members;
  const auto own = std::find(members.begin(), members.end(), worker.rank());
  if (own == members.end()) throw TransportError(fmt::format("rank {} is not in its own group", worker.rank()));
  shape_.rank = static_cast<int>(own - members.begin());
  shape_.num_ranks = static_cast<int>(members.size());
}

CollectiveGroup::~CollectiveGroup() {
  const bool is_over = first_ == plan_.actions.size();
  if (is_over) return;
  for (std::size_t i = 0; i < num_transfers_; ++i) worker_.cancel(transfers_[i]);
  worker_.keep(std::shared_ptr<Transfer[]>(std::move(transfers_)));
  worker_.keep(std::shared_ptr<std::byte[]>(std::move(scratch_)));
}

void CollectiveGroup::start_barrier() {
  start(Collective::barrier, 0, Dtype::f32);
  plan(0);
}

void CollectiveGroup::start_all_gather(std::span<const std::byte> own, std::span<const std::size_t> bytes,
                                       std::span<std::byte> all) {
  assert(bytes.size() == options_.members.size() && total(bytes) == all.size());
  input_ = own.data();
  output_ = all.data();
  shape_.bytes = bytes;
  start(Collective::all_gather, all.size(), Dtype::f32);
  plan(*std::max_element(bytes.begin(), bytes.end()));
}

void CollectiveGroup::start_reduce_scatter(Dtype dtype, std::span<const std::byte> vector,
                                           std::span<const std::size_t> bytes, std::span<std::byte> own) {
  assert(bytes.size() == options_.members.size() && total(bytes) == vector.size());
  assert(own.size() == bytes[static_cast<std::size_t>(shape_.rank)]);
  input_ = vector.data();
  output_ = own.data();
  shape_.bytes = bytes;
  start(Collective::reduce_scatter, vector.size(), dtype);
  plan(*std::max_element(bytes.begin(), bytes.end()));
}

void CollectiveGroup::start_all_reduce(Dtype dtype, std::span<std::byte> vector) {
  input_ = output_ = vector.data();
  num_bytes_ = vector.size();
  shape_.bytes = std::span(&num_bytes_, 1);
  start(Collective::all_reduce, vector.size(), dtype);
  plan(vector.size() / options_.members.size());
}

void CollectiveGroup::start_all_to_all_v(std::span<const std::byte> sent, std::span<const std::size_t> sent_bytes,
                                         std::span<std::byte> received, std::span<const std::size_t> received_bytes) {
  assert(total(sent_bytes) == sent.size() && total(received_bytes) == received.size());
  input_ = sent.data();
  output_ = received.data();
  shape_.bytes = sent_bytes;
  shape_.receive_bytes = received_bytes;
  start(Collective::all_to_all_v, sent.size(), Dtype::f32);
  plan(0);
}

void CollectiveGroup::start(Collective collective, std::size_t num_bytes, Dtype dtype) {
  assert(first_ == plan_.actions.size() && failure_.empty());
  shape_.collective = collective;
  shape_.algorithm =
      options_.algorithm.value_or(choose_algorithm(collective, num_bytes, shape_.num_ranks, options_.link));
  shape_.element_bytes = dtype_bytes(dtype);
  dtype_ = dtype;
  num_bytes_ = num_bytes;
  ++operation_;
  deadline_ = std::chrono::steady_clock::now() + options_.timeout;
}

void CollectiveGroup::plan(std::size_t piece_bytes) {
  shape_.chunk = options_.chunk > 0 ? options_.chunk : chunk_bytes(piece_bytes, options_.link);
  plan_collective(shape_, plan_);
  const std::size_t count = plan_.actions.size();
  states_.assign(count, State::waiting);
  first_ = 0;
  if (count > num_transfers_) {
    transfers_ = std::make_unique<Transfer[]>(count);
    num_transfers_ = count;
  }
  if (plan_.scratch_bytes > scratch_bytes_) {
    scratch_bytes_ = (plan_.scratch_bytes + scratch_alignment - 1) / scratch_alignment * scratch_alignment;
    scratch_.reset(static_cast<std::byte*>(std::aligned_alloc(scratch_alignment, scratch_bytes_)));
    if (!scratch_) throw std::bad_alloc();
  }
  advance();
}

bool CollectiveGroup::progress() {
  if (first_ == plan_.actions.size() || has_failed()) return true;
  if (!advance()) look_for_trouble();
  return first_ == plan_.actions.size() || has_failed();
}

// What may be under way: as many actions as several chunks take, so that a long plan costs no more than a short one.
std::size_t CollectiveGroup::window_end() const {
  return std::min(plan_.actions.size(), first_ + 16 + 8 * options_.members.size());
}

bool CollectiveGroup::advance() {
  bool moved = false;
  for (std::size_t i = first_, end = window_end(); i < end; ++i) {
    State& state = states_[i];
    if (state == State::waiting && is_ready(plan_.actions[i])) {
      begin(i);
      moved = true;
    }
    if (state == State::under_way && transfers_[i].is_done()) {
      if (transfers_[i].has_failed())
        fail(fmt::format("rank {}: {}", peer_of(plan_.actions[i]), transfers_[i].failure()));
      state = State::done;
      moved = true;
    }
    if (state == State::done && i == first_) ++first_;  // and the window's end stays for this look
  }
  return moved;
}

bool CollectiveGroup::is_ready(const Action& action) const {
  if (action.also_needed >= 0 && states_[static_cast<std::size_t>(action.also_needed)] != State::done) return false;
  for (int i = action.first_needed; i < action.end_needed; ++i)
    if (states_[static_cast<std::size_t>(i)] != State::done) return false;
  return true;
}

void CollectiveGroup::begin(std::size_t index) {
  const Action& action = plan_.actions[index];
  State& state = states_[index];
  state = State::done;
  if (action.kind == ActionKind::add) return add(action);
  if (action.kind == ActionKind::copy) {
    if (at(action.at) != at(action.own)) std::memcpy(at(action.at), at(action.own), action.num_bytes);
    return;
  }
  state = State::under_way;
  const int peer = peer_of(action);
  const std::uint64_t sequence = operation_ << message_bits | action.message;
  assert(action.message < 1u << message_bits);
  const std::span<std::byte> bytes(at(action.at), action.num_bytes);
  const bool early = action.num_bytes <= most_early && (is_crowded_ || shape_.collective == Collective::all_reduce);
  if (action.kind == ActionKind::send)
    worker_.send(peer, worker_.tag(worker_.rank(), peer, options_.channel, sequence), bytes, transfers_[index], early);
  else
    worker_.receive(worker_.tag(peer, worker_.rank(), options_.channel, sequence), bytes, transfers_[index]);
}

void CollectiveGroup::add(const Action& action) {
  sources_.clear();
  const std::byte* other = at(action.others);
  for (int source = 0; source < action.num_sources; ++source) {
    sources_.push_back(source == action.own_source ? at(action.own) : other);
    if (source != action.own_source) other += action.stride;
  }
  sum_sources(dtype_, sources_, at(action.at), action.num_bytes);
}

std::byte* CollectiveGroup::at(Spot spot) const {
  switch (spot.place) {
    case MemoryPlace::input:
      return const_cast<std::byte*>(input_) + spot.offset;  // which is only read
    case MemoryPlace::output:
      return output_ + spot.offset;
    case MemoryPlace::scratch:
      return scratch_.get() + spot.offset;
  }
  return nullptr;
}

int CollectiveGroup::peer_of(const Action& action) const {
  return options_.members[static_cast<std::size_t>(action.peer)];
}

// Names the ranks that the earliest messages are missing from: later ones are missing only as a consequence.
void CollectiveGroup::look_for_trouble() {
  const bool is_late = std::chrono::steady_clock::now() >= deadline_;
  std::vector<int> missing;
  std::uint32_t earliest = ~0u;
  for (std::size_t i = first_, end = window_end(); i < end; ++i) {
    const Action& action = plan_.actions[i];
    if (states_[i] != State::under_way || action.kind != ActionKind::receive) continue;
    const int peer = peer_of(action);
    if ((!is_late && !worker_.has_failed(peer)) || action.message > earliest) continue;
    if (action.message < earliest) missing.clear();
    earliest = action.message;
    missing.push_back(peer);
  }
  if (!is_late && missing.empty()) return;
  std::string who;
  for (const int peer : missing) who += fmt::format("{}{}", who.empty() ? "" : ", ", peer);
  if (!is_late) return fail("lost rank " + who);
  const auto seconds = std::chrono::duration<double>(options_.timeout).count();
  fail(missing.empty() ? fmt::format("what was sent did not leave within {} s", seconds)
                       : fmt::format("nothing from rank {} within {} s", who, seconds));
}

void CollectiveGroup::fail(const std::string& what) {
  if (has_failed()) return;
  failure_ = fmt::format("{} by {} of {} bytes: {}", collective_name(shape_.collective),
                         algorithm_name(shape_.algorithm), num_bytes_, what);
}

}  // namespace dsrun
