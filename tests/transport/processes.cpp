#include "tests/transport/processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "runtime/hash.hpp"

namespace dsrun::test {
namespace {

void read_all(int descriptor, char* data, std::size_t num_bytes, UcxWorker* served) {
  const auto deadline = TestClock::now() + 10s;
  while (num_bytes > 0) {
    pollfd waiting{descriptor, POLLIN, 0};
    while (poll(&waiting, 1, 1) != 1) {
      if (TestClock::now() > deadline) throw std::runtime_error("nothing on the pipe within ten seconds");
      while (served != nullptr && served->progress()) continue;
    }
    const ssize_t got = read(descriptor, data, num_bytes);
    if (got <= 0) throw std::runtime_error("the other end of a pipe is closed");
    data += got;
    num_bytes -= static_cast<std::size_t>(got);
  }
}

void write_all(int descriptor, const char* data, std::size_t num_bytes) {
  if (write(descriptor, data, num_bytes) != static_cast<ssize_t>(num_bytes))  // short texts: a pipe takes them at once
    throw std::runtime_error("cannot write to a pipe");
}

}  // namespace

std::vector<std::string> Party::exchange(const std::string& own, UcxWorker* served) const {
  const auto size = static_cast<std::uint32_t>(own.size());
  for (const int pipe : out_) {
    write_all(pipe, reinterpret_cast<const char*>(&size), sizeof size);
    write_all(pipe, own.data(), own.size());
  }
  std::vector<std::string> all;
  for (const int pipe : in_) {
    std::uint32_t length = 0;
    read_all(pipe, reinterpret_cast<char*>(&length), sizeof length, served);
    all.emplace_back(length, '\0');
    read_all(pipe, all.back().data(), length, served);
  }
  return all;
}

void Party::expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("expected: " + what);
}

void Party::progress_until(UcxWorker& worker, const std::function<bool()>& done, const std::string& what,
                           std::chrono::milliseconds limit) {
  const auto deadline = TestClock::now() + limit;
  while (!done()) {
    if (!worker.progress()) worker.wait(5ms);
    if (TestClock::now() > deadline) throw std::runtime_error("not in time: " + what);
  }
}

Parties::Parties(int num_ranks, const std::function<void(Party&)>& body) {
  const auto count = static_cast<std::size_t>(num_ranks);
  std::vector<std::vector<std::array<int, 2>>> pipes(count, std::vector<std::array<int, 2>>(count));  // from, to
  for (auto& row : pipes)
    for (auto& ends : row)
      if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  for (std::size_t rank = 0; rank < count; ++rank) {
    const pid_t pid = fork();
    if (pid != 0) {
      pids_.push_back(pid);
      continue;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Party party;
    party.rank_ = static_cast<int>(rank);
    party.num_ranks_ = num_ranks;
    for (std::size_t other = 0; other < count; ++other) {
      party.in_.push_back(pipes[other][rank][0]);
      party.out_.push_back(pipes[rank][other][1]);
    }
    int status = 0;
    try {
      body(party);
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "rank %zu: %s\n", rank, failure.what());
      status = 1;
    }
    std::fflush(nullptr);
    _exit(status);
  }
  for (auto& row : pipes)
    for (auto& ends : row)
      for (const int end : ends) ::close(end);
}

Parties::~Parties() {
  for (const pid_t pid : pids_)
    if (pid > 0 && kill(pid, SIGKILL) == 0) waitpid(pid, nullptr, 0);
}

std::string Parties::wait(std::chrono::milliseconds limit, int killed) {
  const auto deadline = TestClock::now() + limit;
  std::string faults;
  for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(pids_[rank], &status, WNOHANG)) == 0 && TestClock::now() < deadline)
      std::this_thread::sleep_for(2ms);
    if (ended == 0) {
      faults += fmt::format("rank {} is still running; ", rank);
      continue;
    }
    pids_[rank] = -1;
    const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && static_cast<int>(rank) == killed;
    if (!was_killed && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
      faults += fmt::format("rank {} ended with status {:#x}; ", rank, status);
  }
  return faults;
}

JobSecret test_secret(unsigned char first) {
  JobSecret secret;
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::byte>(first + i);
  return secret;
}

UcxOptions test_options(const Party& party, std::vector<std::string> transports) {
  UcxOptions options;
  options.rank = party.rank();
  options.num_ranks = party.num_ranks();
  options.secret = test_secret();
  options.generation = 3;
  options.transports = std::move(transports);
  return options;
}

Buffer patterned(std::size_t num_bytes, unsigned seed, const std::shared_ptr<MemoryPool>& given) {
  static const auto own = MemoryPool::make();
  const auto& pool = given ? given : own;
  Buffer buffer = pool->allocate(num_bytes, MemoryClass::messages);
  std::size_t at = 0;
  for (; at + 8 <= num_bytes; at += 8) {
    const std::uint64_t word = mix64(at + seed);
    std::memcpy(buffer.data() + at, &word, 8);
  }
  for (; at < num_bytes; ++at) buffer.data()[at] = static_cast<char>(mix64(at + seed));
  return buffer;
}

bool is_patterned(const Buffer& buffer, std::size_t num_bytes, unsigned seed) {
  const Buffer right = patterned(num_bytes, seed);
  return buffer.size() == num_bytes && std::memcmp(buffer.data(), right.data(), num_bytes) == 0;
}

}  // namespace dsrun::test
