#include "runtime/transport/ucx/ucx_transport.hpp"

#include <cstring>
#include <future>

namespace dsrun {
namespace {

using SteadyClock = std::chrono::steady_clock;
// UCX wakes the thread; a look now and then costs nothing measurable and bounds what a lost wake-up could do.
constexpr auto longest_sleep = std::chrono::milliseconds(50);
constexpr auto between_returns = std::chrono::milliseconds(20);   // of loans: what waits longer takes memory of others
constexpr auto sleep_with_tasks = std::chrono::milliseconds(20);  // tasks watch deadlines of their own

// A message's time by another clock; 0 is none.
std::int64_t moved(std::int64_t time_ns, std::int64_t by_ns) { return time_ns == 0 ? 0 : time_ns + by_ns; }

}  // namespace

UcxTransport::UcxTransport(TransportOptions options, TransportCallbacks callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)) {
  thread_ = std::thread([this] { thread_main(); });
  std::unique_lock lock(mutex_);
  opened_.wait(lock, [this] { return stage_ != Stage::opening; });
  if (!failure_) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(failure_);
}

UcxTransport::~UcxTransport() { close(Nanoseconds(0)); }

void UcxTransport::start(std::vector<std::string> addresses) {
  std::exception_ptr failure;
  do_and_wait([&] {
    try {
      worker_->set_peers(std::move(addresses));
      knows_peers_ = true;
    } catch (...) {
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

void UcxTransport::send(int destination, TensorMessage&& message) { post({destination, std::move(message), {}}); }

void UcxTransport::fail_peer(int process, std::string reason) {
  post({0, {}, [this, process, reason = std::move(reason)] { worker_->fail_peer(process, reason); }});
}

void UcxTransport::run(Task task) {
  post({0, {}, [this, task = std::move(task)]() mutable { tasks_.push_back(std::move(task)); }});
}

TransportReport UcxTransport::report() {
  TransportReport report;
  if (do_and_wait([&] { report = make_report(); })) return report;
  const std::lock_guard lock(mutex_);
  return last_report_;
}

bool UcxTransport::close(Nanoseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::open) {
      stage_ = Stage::closing;
      grace_ = grace;
      if (is_sleeping_) worker_->wake();
    }
  }
  if (thread_.joinable()) thread_.join();
  return all_left_;
}

void UcxTransport::post(Post post) {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::open) return;
  posts_.push_back(std::move(post));
  if (!is_sleeping_) return;
  is_sleeping_ = false;  // one call wakes it
  worker_->wake();
}

bool UcxTransport::do_and_wait(std::function<void()> command) {
  auto promise = std::make_shared<std::promise<void>>();
  auto done = promise->get_future();
  post({0, {}, [command = std::move(command), promise] {
          command();
          promise->set_value();
        }});
  promise.reset();
  try {
    done.get();
    return true;
  } catch (const std::future_error&) {  // dropped: the transport is closed
    return false;
  }
}

bool UcxTransport::make_worker() {
  std::exception_ptr failure;
  try {
    worker_ = std::make_unique<UcxWorker>(options_.ucx);
    traffic_.resize(static_cast<std::size_t>(worker_->num_ranks()));
    num_lent_.resize(traffic_.size());
    lender_.emplace(worker_->num_ranks());
    borrower_.emplace(worker_->num_ranks());
    address_ = worker_->address();
    worker_->on_message(
        [this](int source, auto header, std::size_t num_bytes) { return allocate(source, header, num_bytes); },
        [this](int source, auto header, Buffer payload) { deliver(source, header, std::move(payload)); });
    if (callbacks_.peer_failed) worker_->on_peer_failed(callbacks_.peer_failed);
  } catch (...) {
    failure = std::current_exception();
    worker_.reset();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  stage_ = failure ? Stage::closed : Stage::open;
  opened_.notify_all();
  return !failure;
}

void UcxTransport::thread_main() {
  if (!make_worker()) return;
  work_until_closed();
  take_posts();  // what was sent before close() still goes
  answer_loans();
  tasks_.clear();
  last_report_ = make_report();
  all_left_ = worker_->close(grace_);
  std::vector<Post> dropped;  // destroyed outside the lock: somebody may wait for them
  const std::lock_guard lock(mutex_);
  stage_ = Stage::closed;
  dropped.swap(posts_);
}

void UcxTransport::work_until_closed() {
  auto last_work = SteadyClock::now();
  while (true) {
    bool worked = take_posts();
    worked |= worker_->progress();
    worked |= run_tasks();
    if (!refused_.empty() || SteadyClock::now() - answered_ >= between_returns) answer_loans();
    if (worked && options_.spin.count() == 0) continue;
    if (options_.spin.count() > 0) {
      const auto now = SteadyClock::now();
      if (worked) last_work = now;
      if (now - last_work < options_.spin) continue;
    }
    {
      const std::lock_guard lock(mutex_);
      if (stage_ != Stage::open) return;
      if (!posts_.empty()) continue;
      is_sleeping_ = true;
    }
    worker_->wait(tasks_.empty() ? Nanoseconds(longest_sleep) : Nanoseconds(sleep_with_tasks));
    const std::lock_guard lock(mutex_);
    is_sleeping_ = false;
  }
}

bool UcxTransport::take_posts() {
  {
    const std::lock_guard lock(mutex_);
    taken_.swap(posts_);
  }
  if (taken_.empty()) return false;
  for (auto& post : taken_) {
    if (post.command)
      post.command();
    else
      send_now(post);
  }
  taken_.clear();
  return true;
}

bool UcxTransport::run_tasks() {
  const std::size_t before = tasks_.size();
  for (std::size_t i = 0; i < tasks_.size();)
    if (tasks_[i](*worker_))
      tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  return tasks_.size() != before;
}

void UcxTransport::send_now(Post& post) {
  TensorMessage& message = post.message;
  const std::int64_t by_ns = -options_.clock_ahead_ns;
  const TensorHeader header{post.destination, message.tag, moved(message.sent_ns, by_ns),
                            moved(message.arrives_ns, by_ns)};
  const int process = options_.process_of.at(static_cast<std::size_t>(post.destination));
  TrafficCount& traffic = traffic_[static_cast<std::size_t>(process)];
  ++traffic.messages_out;
  traffic.bytes_out += static_cast<std::int64_t>(message.payload.size());
  if (process != worker_->rank() && worker_->shares_memory(process))
    if (const auto loan = lender_->lend(process, header, message.payload)) {
      ++num_lent_[static_cast<std::size_t>(process)];
      return worker_->send(process, write_loan_header(*loan), {});
    }
  worker_->send(process, write_tensor_header(header), std::move(message.payload));
}

// Says which loans are free again, together, since each answer may wake somebody, and which cannot be read.
void UcxTransport::answer_loans() {
  if (!knows_peers_ || (refused_.empty() && !borrower_->owes())) return;
  answered_ = SteadyClock::now();
  for (const auto& [process, number] : refused_) answer(process, LoanAnswer::refused, std::span(&number, 1));
  refused_.clear();
  for (int process = 0; process < worker_->num_ranks(); ++process)
    if (const auto numbers = borrower_->take_returns(process); !numbers.empty())
      answer(process, LoanAnswer::returned, numbers);
}

void UcxTransport::answer(int process, LoanAnswer answer, std::span<const std::uint64_t> numbers) {
  Buffer payload = answers_->allocate(numbers.size_bytes(), MemoryClass::messages);
  std::memcpy(payload.data(), numbers.data(), payload.size());
  worker_->send(process, write_answer_header(answer), std::move(payload));
}

const TensorHeader& UcxTransport::checked(int source, const TensorHeader& header) const {
  const auto process_of = [this](int device) {
    const auto index = static_cast<std::size_t>(device);
    return index < options_.process_of.size() ? options_.process_of[index] : -1;
  };
  if (process_of(header.tag.source) == source && process_of(header.destination) == worker_->rank()) return header;
  throw TransportError("its tensor's header makes no sense");
}

// Of whatever is about to arrive, looks whether it makes sense: deliver() then takes it without a doubt.
Buffer UcxTransport::allocate(int source, std::span<const std::byte> bytes, std::size_t num_bytes) {
  if (const auto header = read_tensor_header(bytes))
    return callbacks_.pool(checked(source, *header).destination)->allocate(num_bytes, MemoryClass::messages);
  if (const auto loan = read_loan_header(bytes); loan && num_bytes == 0) {
    callbacks_.pool(checked(source, loan->tensor).destination);  // throws where there is none
    return {};
  }
  if (read_answer_header(bytes) && num_bytes % sizeof(std::uint64_t) == 0)
    return answers_->allocate(num_bytes, MemoryClass::messages);
  throw TransportError("its tensor's header makes no sense");
}

void UcxTransport::deliver(int source, std::span<const std::byte> bytes, Buffer payload) {
  if (const auto header = read_tensor_header(bytes)) return receive(source, *header, std::move(payload));
  if (const auto loan = read_loan_header(bytes)) return take_loan(source, *loan);
  if (const auto answer = read_answer_header(bytes)) take_answer(source, *answer, payload);
}

void UcxTransport::take_loan(int source, const LoanHeader& loan) {
  Buffer payload = borrower_->borrow(source, loan, *callbacks_.pool(loan.tensor.destination));
  if (payload) return receive(source, loan.tensor, std::move(payload));
  refused_.emplace_back(source, loan.number);
}

void UcxTransport::take_answer(int source, LoanAnswer answer, const Buffer& payload) {
  std::vector<std::uint64_t> numbers(payload.size() / sizeof(std::uint64_t));
  std::memcpy(numbers.data(), payload.data(), payload.size());
  if (answer == LoanAnswer::returned) return lender_->take_back(source, numbers);
  for (const std::uint64_t number : numbers)
    if (auto loan = lender_->take_refused(source, number)) {
      --num_lent_[static_cast<std::size_t>(source)];
      worker_->send(source, write_tensor_header(loan->header), std::move(loan->payload));
    }
}

void UcxTransport::receive(int source, const TensorHeader& header, Buffer payload) {
  TrafficCount& traffic = traffic_[static_cast<std::size_t>(source)];
  ++traffic.messages_in;
  traffic.bytes_in += static_cast<std::int64_t>(payload.size());
  const std::int64_t by_ns = options_.clock_ahead_ns;
  callbacks_.receive(header.destination, TensorMessage{header.tag, std::move(payload), moved(header.sent_ns, by_ns),
                                                       moved(header.arrives_ns, by_ns)});
}

TransportReport UcxTransport::make_report() const {
  TransportReport report;
  report.drops = worker_->drops();
  for (int process = 0; process < worker_->num_ranks(); ++process) {
    const auto index = static_cast<std::size_t>(process);
    const char* in_place = num_lent_[index] > 0 ? ", in place" : "";
    report.peers.push_back({traffic_[index], worker_->link(process) + in_place, worker_->has_failed(process)});
  }
  return report;
}

}  // namespace dsrun
