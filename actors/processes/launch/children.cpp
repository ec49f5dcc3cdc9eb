#include "actors/processes/launch/children.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// This process's environment with `added` on top.
std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string setting = *each;
    const std::string name = setting.substr(0, setting.find('=') + 1);
    bool replaced = false;
    for (const std::string& other : added) replaced = replaced || other.starts_with(name);
    if (!replaced) all.push_back(setting);
  }
  return all;
}

// In the child, between fork and exec: system calls alone.
[[noreturn]] void become(int input, int report, char* const* arguments, char* const* environment, pid_t parent) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  if (dup2(input, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) _exit(127);
  environ = const_cast<char**>(environment);
  execvp(arguments[0], arguments);
  const int error = errno;
  (void)!write(report, &error, sizeof error);
  _exit(127);
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(int end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
  int take(int end) { return std::exchange(ends[end], -1); }
};

}  // namespace

Children::Children(Ended ended) : ended_(std::move(ended)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) fail("cannot make an event descriptor");
  thread_ = std::thread([this] { run(); });
}

Children::~Children() {
  kill_all();
  wait_for_all(std::chrono::seconds(2));
  on_thread([this] { over_ = true; });
  thread_.join();
  close(wake_);
}

pid_t Children::start(ChildCommand command) {
  pid_t child = 0;
  std::exception_ptr error;
  on_thread([&] {
    try {
      child = spawn(command);
    } catch (...) {
      error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
  return child;
}

void Children::on_thread(const std::function<void()>& task) {
  std::packaged_task<void()> packaged(task);
  std::future<void> done = packaged.get_future();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(packaged));
  }
  const std::uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
  done.get();
}

pid_t Children::spawn(const ChildCommand& command) {
  const std::vector<std::string> environment = environment_with(command.environment);
  const std::vector<char*> arguments = pointers(command.arguments), settings = pointers(environment);
  Pipe input, report;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) fail("cannot start a process");
  if (child == 0) become(input.ends[0], report.ends[1], arguments.data(), settings.data(), parent);
  report.close_end(1);
  int error = 0;
  if (read(report.ends[0], &error, sizeof error) == sizeof error) {
    waitpid(child, nullptr, 0);
    errno = error;
    fail("cannot start " + command.arguments[0]);
  }
  Child entry;
  entry.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  entry.input = input.take(1);
  {
    const std::lock_guard lock(mutex_);
    children_[child] = entry;
  }
  if (entry.pidfd < 0) {
    ::kill(child, SIGKILL);
    fail("cannot watch a process");
  }
  (void)!write(entry.input, command.input.data(), command.input.size());  // a child that died meanwhile is told of
  return child;
}

void Children::kill(pid_t child) {
  const std::lock_guard lock(mutex_);
  if (!children_.contains(child)) return;  // its number may be another's by now
  ::kill(child, SIGKILL);
  ::kill(-child, SIGKILL);
}

void Children::kill_all() {
  std::vector<pid_t> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [child, entry] : children_) all.push_back(child);
  }
  for (pid_t child : all) kill(child);
}

bool Children::wait_for_all(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return fewer_.wait_for(lock, time, [this] { return children_.empty(); });
}

void Children::run() {
  while (!over_) {
    std::vector<pollfd> polled = {{wake_, POLLIN, 0}};
    std::vector<pid_t> pids = {0};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [child, entry] : children_) {
        polled.push_back({entry.pidfd, POLLIN, 0});
        pids.push_back(child);
      }
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    for (std::size_t i = 1; i < polled.size(); ++i)
      if (polled[i].revents != 0) reap(pids[i]);
    std::uint64_t count = 0;
    (void)!read(wake_, &count, sizeof count);
    for (;;) {
      std::packaged_task<void()> task;
      {
        const std::lock_guard lock(mutex_);
        if (tasks_.empty()) break;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }
}

void Children::reap(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) != child) return;
  {
    const std::lock_guard lock(mutex_);
    const auto found = children_.find(child);
    close(found->second.pidfd);
    close(found->second.input);
    children_.erase(found);
  }
  ::kill(-child, SIGKILL);  // whatever it left behind in its group
  if (ended_) ended_(child, how_it_ended(status));
  fewer_.notify_all();
}

Lifeline::Lifeline(std::function<void()> cut) {
  std::thread([cut = std::move(cut)] {
    char byte = 0;
    for (;;) {
      const ssize_t got = read(STDIN_FILENO, &byte, 1);
      if (got == 0 || (got < 0 && errno != EINTR)) break;
    }
    cut();
  }).detach();
}

std::string Lifeline::read_input(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  std::string line;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd polled{STDIN_FILENO, POLLIN, 0};
    if (left.count() <= 0 || poll(&polled, 1, static_cast<int>(left.count())) <= 0)
      throw std::runtime_error("nothing came on stdin; dsrun itself starts this command");
    char byte = 0;
    if (read(STDIN_FILENO, &byte, 1) != 1) throw std::runtime_error("stdin ended early");
    if (byte == '\n') return line;
    line += byte;
  }
}

}  // namespace dsrun
