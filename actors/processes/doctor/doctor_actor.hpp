// The actor around a DoctorCore: the gate of `dsrun doctor`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/doctor_core.hpp"
#include "actors/messages/doctor.hpp"
#include "actors/messages/job.hpp"
#include "actors/messages/start.hpp"

namespace dsrun {

struct DoctorSetup {
  ExaminationOptions options;
  std::function<void(std::size_t link, std::size_t num_links)> on_measured;
  // The last call that this actor makes.
  std::function<void(std::vector<HostReport> reports, std::vector<LinkMeasure> links)> on_end;
};

class DoctorShell {
 public:
  using Self = caf::stateful_actor<DoctorShell>;
  static inline const char* name = "doctor";

  explicit DoctorShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(DoctorSetup setup);

 private:
  // Makes a handler that passes its message to the core, then carries out the core's effects.
  template <class Message, class Input>
  auto heard(Input input) {
    return [this, input](const Message& message) {
      input(message);
      carry_out_effects();
    };
  }
  void enlist(const Enlist& enlist);
  void carry_out_effects();
  void carry_out(DoctorCore::ToAgent& effect);
  void carry_out(DoctorCore::ToExaminer& effect);
  void carry_out(DoctorCore::WakeIn& effect);
  void carry_out(DoctorCore::Measured& effect);
  void carry_out(DoctorCore::End& effect);

  Self* self_;
  DoctorSetup setup_;
  std::optional<DoctorCore> core_;
  std::vector<caf::actor> guests_;
  std::map<int, caf::actor> examiners_;  // by node
};

inline caf::behavior doctor_actor(DoctorShell::Self* self, DoctorSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
