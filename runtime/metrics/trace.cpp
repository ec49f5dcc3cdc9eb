#include "runtime/metrics/trace.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "models/op_table.hpp"
#include "runtime/schedule/enum_table.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

// Wires are the last: as many as there are messages on their way at once.
enum Lane : int { program, compute, exchange, optimizer, idle, wire };
constexpr EnumNames<Lane, 6> lane_names({{program, "program"},
                                         {compute, "compute"},
                                         {exchange, "exchange"},
                                         {optimizer, "optimizer"},
                                         {idle, "idle"},
                                         {wire, "wire"}});
constexpr EnumNames<Pass, num_passes> pass_letters({{Pass::forward, "F"},
                                                    {Pass::backward_input, "B"},
                                                    {Pass::backward_weight, "W"},
                                                    {Pass::recompute, "B recompute"}});

Lane lane_of(const DeviceSpan& span) {
  switch (span.what) {
    case DeviceSpan::What::op:
      return span.part == Part::whole ? compute : exchange;
    case DeviceSpan::What::optimizer:
      return optimizer;
    case DeviceSpan::What::idle:
      return idle;
    case DeviceSpan::What::instruction:
      return program;
    case DeviceSpan::What::wire:
      return wire;
  }
  return compute;
}

std::string name_of_message(const DeviceSpan& span) {
  constexpr EnumNames<Hop, 3> hops({{Hop::direct, ""}, {Hop::first, " first hop"}, {Hop::second, " second hop"}});
  constexpr EnumNames<Traffic, 5> traffic({{Traffic::activation, "activations"},
                                           {Traffic::gradient, "gradients"},
                                           {Traffic::exchange, ""},
                                           {Traffic::reduce, "gradient shard"},
                                           {Traffic::all_gather, "weight shard"}});
  if (span.traffic == Traffic::exchange)
    return fmt::format("{} {}{} to {}", pass_letters[span.pass], op_name(span.op), hops[span.hop], span.peer);
  return fmt::format("{} to {}", traffic[span.traffic], span.peer);
}

std::string name_of(const DeviceSpan& span) {
  if (span.what == DeviceSpan::What::idle) return "idle";
  if (span.what == DeviceSpan::What::optimizer) return "optimizer";
  if (span.what == DeviceSpan::What::instruction) return to_string(span.instruction);
  if (span.what == DeviceSpan::What::wire) return name_of_message(span);
  constexpr EnumNames<Part, num_parts> parts(
      {{Part::whole, ""}, {Part::start, " start"}, {Part::relay, " relay"}, {Part::finish, " finish"}});
  return fmt::format("{} {}{}", pass_letters[span.pass], op_name(span.op), parts[span.part]);
}

}  // namespace

TraceWriter::TraceWriter(const std::string& path) : path_(path), file_(path) {
  if (!file_) throw StorageError(fmt::format("cannot write {}", path));
  file_ << "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
}

void TraceWriter::finish() {
  const std::lock_guard lock(mutex_);
  file_ << "\n]}\n";
  file_.close();
  if (!file_) throw StorageError(fmt::format("cannot write all of {}", path_));
}

void TraceWriter::write(const std::string& event) {
  if (!first_) file_ << ",\n";
  first_ = false;
  file_ << event;
}

void TraceWriter::name_rank(int rank) {
  write(fmt::format(R"({{"name":"process_name","ph":"M","pid":{0},"args":{{"name":"rank {0}"}}}})", rank));
  for (int lane = program; lane < wire; ++lane) name_lane(rank, lane);
}

void TraceWriter::name_lane(int rank, int lane) {
  write(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"{}"}}}})", rank, lane,
                    lane_names[static_cast<Lane>(std::min<int>(lane, wire))]));
  write(fmt::format(R"({{"name":"thread_sort_index","ph":"M","pid":{},"tid":{},"args":{{"sort_index":{}}}}})", rank,
                    lane, lane));
}

// The first of the rank's wires on which nothing is any more when the span starts: on one lane spans must not overlap.
int TraceWriter::wire_lane(int rank, const DeviceSpan& span) {
  std::vector<std::int64_t>& ends = wire_ends_[rank];
  const auto free = std::find_if(ends.begin(), ends.end(), [&](std::int64_t end) { return end <= span.start_ns; });
  const int lane = wire + static_cast<int>(free - ends.begin());
  if (free == ends.end()) {
    ends.push_back(span.end_ns);
    name_lane(rank, lane);
  } else {
    *free = span.end_ns;
  }
  return lane;
}

void TraceWriter::add(int rank, const DeviceSpan& span) {
  const std::lock_guard lock(mutex_);
  if (origin_ns_ == 0) origin_ns_ = span.start_ns;
  if (named_.insert(rank).second) name_rank(rank);
  const int lane = span.what == DeviceSpan::What::wire ? wire_lane(rank, span) : lane_of(span);
  const std::string args =
      span.what == DeviceSpan::What::wire
          ? fmt::format(R"("microbatch":{},"layer":{},"bytes":{})", span.microbatch, span.layer, span.num_bytes)
          : fmt::format(R"("phase":{},"microbatch":{},"layer":{})", span.phase, span.microbatch, span.layer);
  write(fmt::format(R"({{"name":"{}","cat":"op","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}}}})",
                    name_of(span), rank, lane, static_cast<double>(span.start_ns - origin_ns_) * 1e-3,
                    static_cast<double>(span.end_ns - span.start_ns) * 1e-3, args));
}

}  // namespace dsrun
