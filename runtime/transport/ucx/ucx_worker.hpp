// UcxWorker: messages between the processes of a job over UCX. One thread makes it, uses it and destroys it; only
// wake() may be called from others.
//
// There are two kinds of messages. Active messages are for tensors whose size the receiver does not know. They have the
// caller's header (at most max_header_bytes) and a payload, for which the receiver allocates a Buffer. Tagged messages
// are for sizes that both sides know; the receiver provides the memory beforehand. Collectives use them.
//
// A rank here is the rank of a process. Ranks learn each other's address() over the control plane. A connection is made
// at the first send, which needs set_peers(). A peer that learns the addresses earlier may send earlier. Every active
// message carries an envelope (runtime/transport/wire/envelope.hpp). A message that does not prove that it belongs to
// this job and generation is dropped and counted.
//
// Failures are reported, by peer, and never end the process. Over tcp a peer's death is noticed within a moment. Shared
// memory does not notice it: there the process's supervisor must call fail_peer().
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

// UCX could not be set up as asked. The error says what was asked and what would work.
struct TransportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct UcxOptions {
  int rank = 0;
  int num_ranks = 1;  // ranks of the job; messages are accepted from each, also before set_peers()
  JobSecret secret{};
  std::uint32_t generation = 0;
  std::vector<std::string> interfaces;     // network interfaces to use and to listen on ("eth0"); none: all
  std::vector<std::string> transports;     // UCX's names ("tcp", "self"); none: UCX_TLS, or UCX chooses
  std::vector<std::string> without_shm{};  // transports to use instead if /dev/shm is too small; none: that is an error
  std::size_t min_shm_bytes = std::size_t{64} << 20;  // bytes free in /dev/shm; with less the worker does not use it
  std::uint16_t version = envelope_version;           // for tests
};

// One tagged message under way. This object and the message's memory must stay in place until is_done(), or until the
// worker is closed.
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
  int* counted_by_ = nullptr;  // the peer's counter of messages under way
  std::size_t num_bytes_ = 0;
};

struct TrafficCount {
  std::int64_t messages_out = 0, bytes_out = 0;  // given to UCX; bytes of payload
  std::int64_t messages_in = 0, bytes_in = 0;    // delivered
};

class UcxWorker {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  // Returns memory for a payload that is about to arrive, also for one of 0 bytes. Called inside progress(). An
  // exception drops the message and fails its sender with the exception's text.
  using Allocate = std::function<Buffer(int source, std::span<const std::byte> header, std::size_t num_bytes)>;
  // Called inside progress(); may send. `header` lives during the call.
  using Deliver = std::function<void(int source, std::span<const std::byte> header, Buffer payload)>;
  // Called from progress() or a send, once for each peer, but not during close().
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
  // Sends an active message. The payload is held until UCX no longer needs it; then `sent`, if given, is called inside
  // progress().
  void send(int peer, std::span<const std::byte> header, Buffer payload, Sent sent = {});

  // The tag of a message of known size, which nobody outside the job can guess. Both sides compute the same tag. Each
  // (channel, sequence) is used once in a generation.
  std::uint64_t tag(int source, int destination, std::uint32_t channel, std::uint64_t sequence) const;
  // Sends a tagged message. `early`: the transfer ends without waiting for the receiver, at the cost of a copy. This
  // also holds for sizes at which the receiver would have to fetch the data.
  void send(int peer, std::uint64_t tag, std::span<const std::byte> data, Transfer& transfer, bool early = false);
  void receive(std::uint64_t tag, std::span<std::byte> data, Transfer& transfer);
  void cancel(Transfer& transfer);  // a receive that no message has matched yet ends as failed; other transfers go on

  // Keeps memory of transfers that nobody waits for any more until the worker is closed.
  void keep(std::shared_ptr<const void> memory);

  bool progress();                 // does what can be done; returns whether it did anything
  bool wait(Nanoseconds timeout);  // sleeps until there may be something to do; false: the time is over
  void wake();                     // from any thread: ends the present wait or the next one
  void connect(int peer);  // connects before the first send, so that the peer's failure is noticed without a send
  void fail_peer(int peer, std::string_view reason);  // others noticed a failure: messages to it fail from now on
  bool has_failed(int peer) const;
  bool shares_memory(int peer) const;  // after set_peers(): on one host, and the transports may use shared memory

  // Waits at most `grace` for sent messages to leave, then closes by force. True: every message that this worker ever
  // sent has left. The only callback that it calls is Sent.
  bool close(Nanoseconds grace);

  const std::array<std::int64_t, num_drops>& drops() const;  // by Drop
  const TrafficCount& traffic(int peer) const;               // active messages
  int num_under_way() const;                                 // active messages that UCX has not finished
  // The way of messages to a connected peer, such as "posix+cma" or "tcp/eth0"; "" before connecting.
  std::string link(int peer) const;

 private:
  friend struct UcxInside;
  std::unique_ptr<struct UcxInside> inside_;
};

}  // namespace dsrun
