// UcxTransport: sends tensors to devices of other processes and receives theirs. Its thread owns a UcxWorker, sleeps
// when there is nothing to do, and takes tensors from any thread.
//
// To use it, construct it, exchange address() over the control plane, call start() with all addresses, then send().
// Messages between two devices may overtake each other; their Tags distinguish them. There is no flow control here: a
// Program bounds what is under way. Callbacks run on the transport's thread and must not block. Only `pool` may throw.
//
// Where sender and receiver share memory, a tensor in an arena of Reach::machine is lent
// (runtime/transport/wire/loans.hpp). After sending it, the sender must not write to it, as if the receiver were a
// thread of the same process.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "runtime/transport/ucx/ucx_worker.hpp"
#include "runtime/transport/wire/loans.hpp"

namespace dsrun {

struct TransportOptions {
  UcxOptions ucx;                    // the ranks in it are those of processes
  std::vector<int> process_of;       // by rank of device
  std::int64_t clock_ahead_ns = 0;   // how far this process's clock is ahead of the job's, which messages use
  std::chrono::nanoseconds spin{0};  // how long to look for work before sleeping: 0 where cores are scarce
};

struct TransportCallbacks {
  // Returns the pool of a device of this process, for tensors that arrive. It may throw: the sender then counts as
  // failed, with the exception's text.
  std::function<std::shared_ptr<MemoryPool>(int destination)> pool;
  std::function<void(int destination, TensorMessage&& message)> receive;
  // Called once for each process that cannot be reached any more. -1: the worker itself has failed, so no process can.
  std::function<void(int process, std::string_view reason)> peer_failed;
};

struct TransportReport {
  struct Peer {
    TrafficCount traffic;  // of tensors
    std::string link;  // "posix+cma", "tcp/eth0"; "" where nothing was sent yet. "posix+cma, in place": tensors lent
    bool has_failed = false;
  };
  std::vector<Peer> peers;                      // by process
  std::array<std::int64_t, num_drops> drops{};  // by Drop
};

class UcxTransport {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  // A function that the thread calls after each progress until the function returns true. It may send and receive.
  // close() destroys it.
  using Task = std::function<bool(UcxWorker& worker)>;

  UcxTransport(TransportOptions options, TransportCallbacks callbacks);  // throws TransportError
  ~UcxTransport();                                                       // close() without a grace
  UcxTransport(const UcxTransport&) = delete;
  UcxTransport& operator=(const UcxTransport&) = delete;

  const std::string& address() const { return address_; }
  void start(std::vector<std::string> addresses);  // by process; throws TransportError

  // May be called from any thread, after start(). It drops messages to a failed process, which peer_failed has reported
  // or will report.
  void send(int destination, TensorMessage&& message);
  // Tells the transport that a process is gone, if others have noticed it (shared memory does not notice).
  void fail_peer(int process, std::string reason);
  void run(Task task);
  TransportReport report();  // waits for the thread: not from a callback; after close() the last report

  // Ends sending. Waits at most `grace` for sent messages to leave. True: every message has left.
  bool close(Nanoseconds grace);

 private:
  struct Post {  // a message, or a command to run
    int destination = 0;
    TensorMessage message;
    std::function<void()> command;
  };

  void thread_main();
  bool make_worker();
  void work_until_closed();
  void post(Post post);
  bool do_and_wait(std::function<void()> command);
  bool take_posts();
  bool run_tasks();
  void send_now(Post& post);
  void answer_loans();
  void answer(int process, LoanAnswer answer, std::span<const std::uint64_t> numbers);
  void deliver(int source, std::span<const std::byte> header, Buffer payload);
  void take_loan(int source, const LoanHeader& loan);
  void take_answer(int source, LoanAnswer answer, const Buffer& numbers);
  void receive(int source, const TensorHeader& header, Buffer payload);
  const TensorHeader& checked(int source, const TensorHeader& header) const;  // throws TransportError
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

  // Used by the thread alone, and by others after its end.
  std::unique_ptr<UcxWorker> worker_;
  std::vector<Post> taken_;
  std::vector<Task> tasks_;
  std::vector<TrafficCount> traffic_;  // of tensors, by process
  std::vector<std::int64_t> num_lent_;
  std::shared_ptr<MemoryPool> answers_ = MemoryPool::make();
  // These live on after close(): others may still read what this process has lent.
  std::optional<Lender> lender_;
  std::optional<Borrower> borrower_;
  std::vector<std::pair<int, std::uint64_t>> refused_;  // loans that this process cannot read, by process
  std::chrono::steady_clock::time_point answered_{};
  bool knows_peers_ = false;
  bool all_left_ = false;
  TransportReport last_report_;

  std::thread thread_;
};

}  // namespace dsrun
