// Children: processes that this one starts and never leaves behind.
//
// A child gets its input on stdin, and stdin then stays open for as long as this process lives. A child that reads the
// end of stdin is an orphan and ends itself (Lifeline). Besides, the kernel kills a child when the thread that started
// it ends; that thread is Children's own. A child has a session of its own, so that Ctrl-C reaches this process alone.
// What it prints goes to this process's stderr.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace dsrun {

struct ChildCommand {
  std::vector<std::string> arguments;    // the first is the program, looked up in PATH
  std::vector<std::string> environment;  // NAME=VALUE, besides this process's
  std::string input;                     // at most 64 KiB, which a pipe holds
};

class Children {
 public:
  // Called on Children's thread, once for each child. `how` says how it ended: "exit code 3", "killed by signal 9
  // (Killed)".
  using Ended = std::function<void(pid_t child, const std::string& how)>;
  explicit Children(Ended ended);
  ~Children();  // kills those that are left
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  pid_t start(ChildCommand command);  // throws std::system_error
  void kill(pid_t child);             // and its process group; does nothing if `child` is no child
  void kill_all();
  bool wait_for_all(std::chrono::milliseconds time);  // whether all have ended

 private:
  struct Child {
    int pidfd = -1;
    int input = -1;
  };
  void run();
  void reap(pid_t child);
  pid_t spawn(const ChildCommand& command);
  void on_thread(const std::function<void()>& task);

  Ended ended_;
  int wake_;  // eventfd: tasks wait
  std::mutex mutex_;
  std::condition_variable fewer_;
  std::map<pid_t, Child> children_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool over_ = false;
  std::thread thread_;
};

// Watches a child's stdin, which ends when the parent ends.
class Lifeline {
 public:
  // `cut` is called once, on a thread of its own, when the parent is gone.
  explicit Lifeline(std::function<void()> cut);
  // The first line of stdin, without its end. Throws std::runtime_error when it does not come within the time.
  static std::string read_input(std::chrono::milliseconds time);
};

}  // namespace dsrun
