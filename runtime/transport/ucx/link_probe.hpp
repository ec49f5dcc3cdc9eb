// LinkProbe: measures the way between two processes with UcxWorker's active messages, which also carry tensors. One
// process has end 0, which measures. The other has end 1, which answers until end 0 is done.
//
//   8 bytes there and back, at most 1000 times or 200 ms: the latency is half of the median round trip;
//   4 MiB after 4 MiB one way, 100 ms long, four under way at a time, each answered by nothing; then as many back; the
//   best of three rounds, so that what else runs there counts less.
//
// Both ends poll, and yield to other threads when there is nothing to do. So the result does not include the cost of a
// wakeup.
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun {

struct LinkSpeed {
  std::string transport;     // in UCX's words
  double latency_secs = 0;   // one way
  double bytes_per_sec = 0;  // from end 0 to end 1
  double bytes_per_sec_back = 0;
};

class LinkProbe {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  explicit LinkProbe(UcxOptions options);  // options.rank is the end. Throws TransportError.
  std::string address() const { return worker_.address(); }
  void set_peer(const std::string& address);  // throws TransportError

  // Both throw TransportError when the other end fails or the deadline passes.
  LinkSpeed measure(Deadline deadline);  // end 0
  void answer(Deadline deadline);        // end 1

 private:
  // What a message asks of the other end.
  enum class Ask : char { echo = 'e', acknowledge = 'a', send = 's', nothing = 'n', end = 'x' };
  struct Arrived {
    Ask ask;
    std::uint32_t count;  // with Ask::send: number of messages
    std::size_t num_bytes;
  };
  void send(Ask ask, std::size_t num_bytes, std::uint32_t count = 0);
  Arrived await(Deadline deadline);
  double round_trip(Deadline deadline);
  double stream(Deadline deadline, std::uint32_t& count);
  double stream_back(Deadline deadline, std::uint32_t count);
  int other() const { return 1 - worker_.rank(); }

  std::shared_ptr<MemoryPool> pool_ = MemoryPool::make();
  Buffer block_;  // what is sent
  std::deque<Arrived> arrived_;
  std::string failure_;
  UcxWorker worker_;
};

}  // namespace dsrun
