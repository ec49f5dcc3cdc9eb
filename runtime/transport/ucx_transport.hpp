// UcxTransport: a process's way to the devices of other processes. A thread owns a UcxWorker, sleeps when there is
// nothing to do, and takes tensors from any thread.
//
// Use: make it; exchange address() over the control plane; start() with everybody's; send(). Messages between two
// devices may overtake each other: their Tags tell them apart. There is no flow control here: a Program bounds what is
// under way. Callbacks run on the transport's thread and must not block; but for allocate,
// they must not throw.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "runtime/transport/tensor_header.hpp"
#include "runtime/transport/ucx_worker.hpp"

namespace dsrun {

struct TransportOptions {
  UcxOptions ucx;                    // its ranks are processes
  std::vector<int> process_of;       // by rank of device
  std::int64_t clock_ahead_ns = 0;   // of this process's clock before the job's, by which messages carry their times
  std::chrono::nanoseconds spin{0};  // how long to look for work before sleeping: 0 where cores are scarce
};

struct TransportCallbacks {
  // Memory of a device of this process for a payload that arrives. May throw: the sender then counts as failed, with
  // the exception's text.
  std::function<Buffer(int destination, const Tag& tag, std::size_t num_bytes)> allocate;
  std::function<void(int destination, TensorMessage&& message)> receive;
  // Once for each process that cannot be reached any more; -1: none can, the worker itself has failed.
  std::function<void(int process, std::string_view reason)> peer_failed;
};

struct TransportReport {
  struct Peer {
    TrafficCount traffic;
    std::string link;  // "posix+cma", "tcp/eth0"; "" where nothing was sent yet
    bool has_failed = false;
  };
  std::vector<Peer> peers;                      // by process
  std::array<std::int64_t, num_drops> drops{};  // by Drop
};

class UcxTransport {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  // What the thread calls after each progress until it returns true. It may send and receive. close() destroys it.
  using Task = std::function<bool(UcxWorker& worker)>;

  UcxTransport(TransportOptions options, TransportCallbacks callbacks);  // throws TransportError
  ~UcxTransport();                                                       // close() without a grace
  UcxTransport(const UcxTransport&) = delete;
  UcxTransport& operator=(const UcxTransport&) = delete;

  const std::string& address() const { return address_; }
  void start(std::vector<std::string> addresses);  // by process; throws TransportError

  // From any thread, after start(). Fails silently towards a failed process, of which peer_failed tells.
  void send(int destination, TensorMessage&& message);
  // Somebody else has found out that a process is gone (shared memory does not notice).
  void fail_peer(int process, std::string reason);
  void run(Task task);
  TransportReport report();  // waits for the thread: not from a callback; after close() the last one

  // No more sends. Waits at most `grace` for what was sent to leave; true: every message has left.
  bool close(Nanoseconds grace);

 private:
  struct Post {  // a message, or something to do
    int destination = 0;
    TensorMessage message;
    std::function<void()> command;
  };

  void thread_main();
  bool make_worker();
  void work_until_closed();
  void sleep();
  void post(Post post);
  bool do_and_wait(std::function<void()> command);
  bool take_posts();
  bool run_tasks();
  void send_now(Post& post);
  void deliver(int source, std::span<const std::byte> header, Buffer payload);
  TensorHeader read(int source, std::span<const std::byte> header);  // throws TransportError
  Buffer allocate(int source, std::span<const std::byte> header, std::size_t num_bytes);
  TransportReport make_report() const;

  const TransportOptions options_;
  const TransportCallbacks callbacks_;
  std::string address_;

  std::mutex mutex_;  // guards the next six
  std::condition_variable opened_;
  std::vector<Post> posts_;
  enum class Stage : std::uint8_t { opening, open, closing, closed } stage_ = Stage::opening;
  bool is_sleeping_ = false;
  Nanoseconds grace_{0};
  std::exception_ptr failure_;  // why there is no worker

  // The thread's own, others' after its end.
  std::unique_ptr<UcxWorker> worker_;
  std::vector<Post> taken_;
  std::vector<Task> tasks_;
  bool all_left_ = false;
  TransportReport last_report_;

  std::thread thread_;
};

}  // namespace dsrun
