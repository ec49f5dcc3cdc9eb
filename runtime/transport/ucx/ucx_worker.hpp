// UcxWorker: messages between the processes of a job over UCX. One thread makes it, uses it and destroys it; only
// wake() may be called from others.
//
// Two kinds of messages. Active messages are for tensors whose size the receiver does not know: a header of the
// caller's (at most max_header_bytes) and a payload, which lands in a Buffer that the receiver allocates. Tagged
// messages are for sizes that both sides know, into memory given beforehand; collectives use them.
//
// A rank here is that of a process. Ranks learn each other's address() over the control plane; connections are made at
// the first send, which needs set_peers(); whoever was told earlier may send earlier. Every active message carries an
// envelope (runtime/transport/wire/envelope.hpp); what does not prove that it belongs to this job and generation is
// dropped and counted.
//
// Failures are reported, by peer, and never end the process. Over tcp a peer's death is noticed within a moment; shared
// memory does not notice one: there the process's supervisor calls fail_peer().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/memory/memory.hpp"
#include "runtime/transport/wire/envelope.hpp"

namespace dsrun {

// UCX could not be set up as asked; says what was asked and what would do.
struct TransportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct UcxOptions {
  int rank = 0;
  int num_ranks = 1;  // of the job; messages are taken from each, also before set_peers()
  JobSecret secret{};
  std::uint32_t generation = 0;
  std::vector<std::string> interfaces;                // network interfaces to use and to listen on ("eth0"); none: all
  std::vector<std::string> transports;                // UCX's names ("tcp", "self"); none: UCX_TLS, or UCX chooses
  std::vector<std::string> without_shm{};             // instead, where /dev/shm is too small; none: that is an error
  std::size_t min_shm_bytes = std::size_t{64} << 20;  // free in /dev/shm; with less the worker keeps out of it
  std::uint16_t version = envelope_version;           // for tests
};

// One tagged message under way. It and the message's memory stay in place until is_done(), or until the worker is
// closed.
class Transfer {
 public:
  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  bool is_done() const { return state_ != State::under_way; }
  bool has_failed() const { return state_ == State::failed; }
  std::string_view failure() const { return failure_; }  // why; static text

 private:
  friend class UcxWorker;
  friend struct UcxInside;
  enum class State : std::uint8_t { idle, under_way, finished, failed };
  State state_ = State::idle;
  std::string_view failure_;
  void* request_ = nullptr;
  int* counted_by_ = nullptr;  // what its peer has under way
  std::size_t num_bytes_ = 0;
};

struct TrafficCount {
  std::int64_t messages_out = 0, bytes_out = 0;  // given to UCX; bytes of payload
  std::int64_t messages_in = 0, bytes_in = 0;    // delivered
};

class UcxWorker {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  // Memory for a payload that is about to arrive, also one of no bytes. Inside progress(). An exception drops the
  // message and fails its sender with the exception's text.
  using Allocate = std::function<Buffer(int source, std::span<const std::byte> header, std::size_t num_bytes)>;
  // Inside progress(); may send. `header` lives during the call.
  using Deliver = std::function<void(int source, std::span<const std::byte> header, Buffer payload)>;
  // From progress() or a send; once for each peer. Not during close().
  using PeerFailed = std::function<void(int peer, std::string_view reason)>;
  using Sent = std::function<void(bool delivered_to_transport)>;

  explicit UcxWorker(UcxOptions options);  // throws TransportError
  ~UcxWorker();                            // close() without a grace, if that was not called
  UcxWorker(const UcxWorker&) = delete;
  UcxWorker& operator=(const UcxWorker&) = delete;

  std::string address() const;                         // bytes for the peers' set_peers()
  void set_peers(std::vector<std::string> addresses);  // by rank, all of them; throws TransportError, once only
  int rank() const;
  int num_ranks() const;

  void on_message(Allocate allocate, Deliver deliver);
  void on_peer_failed(PeerFailed peer_failed);
  // The payload is held until UCX has no more use for it; then `sent`, where given, is called inside progress().
  void send(int peer, std::span<const std::byte> header, Buffer payload, Sent sent = {});

  // Names a message of known size so that nobody outside the job can guess it. Both sides compute the same; each
  // (channel, sequence) is used once in a generation.
  std::uint64_t tag(int source, int destination, std::uint32_t channel, std::uint64_t sequence) const;
  // `early`: over by itself, with a copy more, also above the size from which the receiver would have to fetch it.
  void send(int peer, std::uint64_t tag, std::span<const std::byte> data, Transfer& transfer, bool early = false);
  void receive(std::uint64_t tag, std::span<std::byte> data, Transfer& transfer);
  void cancel(Transfer& transfer);  // a receive that nothing has matched yet ends as failed; others go on

  // Memory of transfers that nobody waits for any more: kept until the worker is closed.
  void keep(std::shared_ptr<const void> memory);

  bool progress();                 // does what can be done; whether anything was
  bool wait(Nanoseconds timeout);  // sleeps until there may be something to do; false: the time is over
  void wake();                     // from any thread: ends a wait, the present or the next
  void connect(int peer);          // before the first send, so that its failure is noticed without one
  void fail_peer(int peer, std::string_view reason);  // what others found out: its messages fail from now on
  bool has_failed(int peer) const;
  bool shares_memory(int peer) const;  // known from set_peers() on: on one host, and the transports may use that

  // Waits at most `grace` for what was sent to leave, then closes by force; true: every message of this worker's life
  // has left. Calls no callbacks but Sent.
  bool close(Nanoseconds grace);

  const std::array<std::int64_t, num_drops>& drops() const;  // by Drop
  const TrafficCount& traffic(int peer) const;               // active messages
  int num_under_way() const;                                 // active messages not yet through
  // Which way messages go to a connected peer, such as "posix+cma" or "tcp/eth0"; "" before connecting.
  std::string link(int peer) const;

 private:
  friend struct UcxInside;
  std::unique_ptr<struct UcxInside> inside_;
};

}  // namespace dsrun
