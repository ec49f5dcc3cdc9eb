#include "runtime/metrics/trace.hpp"

#include <fmt/format.h>

#include "models/op_table.hpp"
#include "runtime/checkpoint/checkpoint.hpp"

namespace dsrun {
namespace {

enum Lane : int { compute, exchange, optimizer, idle };

Lane lane_of(const DeviceSpan& span) {
  if (span.what == DeviceSpan::What::idle) return idle;
  if (span.what == DeviceSpan::What::optimizer) return optimizer;
  return span.part == Part::whole ? compute : exchange;
}

std::string name_of(const DeviceSpan& span) {
  if (span.what == DeviceSpan::What::idle) return "idle";
  if (span.what == DeviceSpan::What::optimizer) return "optimizer";
  constexpr const char* passes[] = {"F", "B", "W", "B recompute"};
  constexpr const char* parts[] = {"", " start", " finish"};
  return fmt::format("{} {}{}", passes[static_cast<int>(span.pass)], op_name(span.op),
                     parts[static_cast<int>(span.part)]);
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
  constexpr const char* lanes[] = {"compute", "exchange", "optimizer", "idle"};
  write(fmt::format(R"({{"name":"process_name","ph":"M","pid":{0},"args":{{"name":"rank {0}"}}}})", rank));
  for (int lane = compute; lane <= idle; ++lane)
    write(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"{}"}}}})", rank, lane,
                      lanes[lane]));
}

void TraceWriter::add(int rank, const DeviceSpan& span) {
  const std::lock_guard lock(mutex_);
  if (origin_ns_ == 0) origin_ns_ = span.start_ns;
  if (named_.insert(rank).second) name_rank(rank);
  write(fmt::format(
      R"({{"name":"{}","cat":"op","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{"phase":{},"microbatch":{},"layer":{}}}}})",
      name_of(span), rank, static_cast<int>(lane_of(span)), static_cast<double>(span.start_ns - origin_ns_) * 1e-3,
      static_cast<double>(span.end_ns - span.start_ns) * 1e-3, span.phase, span.microbatch, span.layer));
}

}  // namespace dsrun
