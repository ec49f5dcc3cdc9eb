#include "dsrun/run/run_signals.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string_view>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dsrun/exit_codes.hpp"

namespace dsrun {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

// Only what a signal handler may call.
void end_at_bus_error(int) {
  constexpr std::string_view message =
      "dsrun: failed: a file in use was shortened, for instance the training text. Restore it and start again\n";
  if (write(STDERR_FILENO, message.data(), message.size()) < 0) _exit(exit_storage);  // there is no one to tell
  _exit(exit_storage);
}

}  // namespace

void stop_at_shortened_files() { std::signal(SIGBUS, end_at_bus_error); }

SignalWatcher::SignalWatcher(JobControl& control) : control_(control) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  over_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || over_ < 0) throw std::runtime_error("cannot watch for signals");
  thread_ = std::thread([this] { watch(); });
}

SignalWatcher::~SignalWatcher() {
  eventfd_write(over_, 1);
  thread_.join();
  close(signals_);
  close(over_);
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalWatcher::watch() {
  for (;;) {
    pollfd files[2] = {{over_, POLLIN, 0}, {signals_, POLLIN, 0}};
    if (poll(files, 2, -1) < 0 && errno != EINTR) return;
    if (files[0].revents != 0) return;
    signalfd_siginfo info{};
    if (files[1].revents != 0 && read(signals_, &info, sizeof info) == sizeof info)
      handle(static_cast<int>(info.ssi_signo));
  }
}

void SignalWatcher::handle(int signal) {
  if (signal == SIGUSR1) return control_.request_save();
  last_stop_signal_ = signal;
  switch (++num_stop_signals_) {
    case 1:
      std::fputs("dsrun: finishing the step and saving; send the signal again to stop without saving\n", stderr);
      return control_.request_stop();
    case 2:
      std::fputs("dsrun: stopping without saving\n", stderr);
      return control_.request_stop();
    default:
      _exit(128 + signal);
  }
}

}  // namespace dsrun
