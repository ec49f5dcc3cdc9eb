#include "runtime/transport/ucx_transport.hpp"

#include <future>

namespace dsrun {
namespace {

using SteadyClock = std::chrono::steady_clock;
// UCX wakes the thread; a look now and then costs nothing measurable and bounds what a lost wake-up could do.
constexpr auto longest_sleep = std::chrono::milliseconds(50);
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
  const auto header = write_tensor_header(
      {post.destination, message.tag, moved(message.sent_ns, by_ns), moved(message.arrives_ns, by_ns)});
  const int process = options_.process_of.at(static_cast<std::size_t>(post.destination));
  worker_->send(process, header, std::move(message.payload));
}

TensorHeader UcxTransport::read(int source, std::span<const std::byte> bytes) {
  const auto process_of = [this](int device) {
    const auto index = static_cast<std::size_t>(device);
    return index < options_.process_of.size() ? options_.process_of[index] : -1;
  };
  const auto header = read_tensor_header(bytes);
  if (header && process_of(header->tag.source) == source && process_of(header->destination) == worker_->rank())
    return *header;
  throw TransportError("its tensor's header makes no sense");
}

Buffer UcxTransport::allocate(int source, std::span<const std::byte> bytes, std::size_t num_bytes) {
  const TensorHeader header = read(source, bytes);
  return callbacks_.allocate(header.destination, header.tag, num_bytes);
}

void UcxTransport::deliver(int source, std::span<const std::byte> bytes, Buffer payload) {
  const TensorHeader header = read(source, bytes);  // valid: allocate() has seen it
  const std::int64_t by_ns = options_.clock_ahead_ns;
  callbacks_.receive(header.destination, TensorMessage{header.tag, std::move(payload), moved(header.sent_ns, by_ns),
                                                       moved(header.arrives_ns, by_ns)});
}

TransportReport UcxTransport::make_report() const {
  TransportReport report;
  report.drops = worker_->drops();
  for (int process = 0; process < worker_->num_ranks(); ++process)
    report.peers.push_back({worker_->traffic(process), worker_->link(process), worker_->has_failed(process)});
  return report;
}

}  // namespace dsrun
