// The examiner looks at its host for `dsrun doctor`, then starts two probes there and passes messages between them and
// the gate. Its agent makes it, so that a slow folder delays the examiner and not the agent.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/messages/doctor.hpp"
#include "actors/messages/start.hpp"
#include "actors/messages/wake.hpp"

namespace dsrun {

struct ExaminerSetup {
  Examine asked;
  caf::actor gate;
  // Starts a probe; a ProcessEnded will report its end. Throws std::runtime_error.
  std::function<pid_t(int probe, const caf::actor& examiner)> start_probe;
};

class ExaminerShell {
 public:
  using Self = caf::stateful_actor<ExaminerShell>;
  static inline const char* name = "examiner";
  static constexpr int num_probes = 2;  // so that a host has a link inside it

  explicit ExaminerShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(ExaminerSetup setup);

 private:
  struct Probe {
    pid_t process = 0;
    caf::actor door;
  };
  void examine();
  void start_probes(const HostReport& report);
  void on_here(const ProbeHere& here);
  template <class Message>
  auto to_probe();

  Self* self_;
  ExaminerSetup setup_;
  std::vector<Probe> probes_;
};

inline caf::behavior examiner_actor(ExaminerShell::Self* self, ExaminerSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
