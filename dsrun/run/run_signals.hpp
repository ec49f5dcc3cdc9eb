// SignalWatcher: turns signals into requests to a running job, on a thread of its own.
//
// First INT or TERM: finish the step, save, stop. Second: stop without saving. Third: end the process at once.
// USR1: save and continue. Make one before any other thread starts, so that all threads inherit the blocked signals.
#pragma once

#include <atomic>
#include <thread>

#include "actors/launch.hpp"

namespace dsrun {

// From now on the process ends with a message and exit code 74 if another program shortens a mapped file.
void stop_at_shortened_files();

class SignalWatcher {
 public:
  explicit SignalWatcher(JobControl& control);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  int last_stop_signal() const { return last_stop_signal_; }  // 0: none came

 private:
  void watch();
  void handle(int signal);

  JobControl& control_;
  int signals_;  // signalfd
  int over_;     // eventfd: readable when the watcher has to end
  std::atomic<int> last_stop_signal_{0};
  int num_stop_signals_ = 0;
  std::thread thread_;
};

}  // namespace dsrun
