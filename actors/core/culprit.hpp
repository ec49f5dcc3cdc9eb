// Culprit: finds out which rank is guilty. A wait, a broken link and the loss of a process are not reported at once.
// First every member is asked which messages it waits for; a fault that explains more replaces the one that came first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

class Culprit {
 public:
  static constexpr double time_for_a_cause_secs = 0.5;  // after a first fault; on a busy host causes come late

  // What a fault calls for.
  enum class Verdict : std::uint8_t {
    guilty,  // it is a cause of its own: the job ends
    ask,     // ask every member what it waits for, and decide after time_for_a_cause_secs
    wait,    // the members have been asked already
  };
  Verdict on_fault(const DeviceFault& fault);
  void on_report(WaitsReport report);

  bool is_sought() const { return fault_.has_value(); }
  const DeviceFault& fault() const { return *fault_; }  // the one that explains most so far; precondition: is_sought()
  // The fault, then the chain behind it: which rank waits for which, and which ranks did not answer.
  std::string in_words(const Plan& plan) const;

 private:
  std::optional<DeviceFault> fault_;
  std::vector<WaitsReport> reports_;
};

}  // namespace dsrun
