// What goes wrong in one start of a job, drawn from a seed, and whom it hurts.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/sim_job.hpp"

namespace dsrun::test {

// Whom a fault has hurt by now; nobody else may be blamed.
struct Hurt {
  std::set<int> ranks;
  bool launcher = false;  // it can report nothing, or not the truth
  bool disk = false;
  bool disk_lies = false;      // which shows only when the power fails
  bool power = false;          // of everything
  std::int64_t first_at = 0;   // of the first that hurts; 0: none has
  std::int64_t notice_ns = 0;  // how long the job has until its end, if nothing else is wrong
  int count = 0;
  std::string story;  // in words, for who reads a failing seed

  bool nobody() const { return count == 0; }
};

class Faults {
 public:
  // Draws and schedules them; none, where the job is to succeed.
  Faults(SimJob& job, bool any);
  const Hurt& hurt() const { return hurt_; }

 private:
  void draw_one(std::int64_t when);
  void at(std::int64_t when, Happening happen);
  std::int64_t draw_time();
  std::int64_t draw_duration(bool& is_short);
  void note(const std::string& what, const std::set<int>& ranks, double notice_secs);
  void kill_device();
  void freeze_device();
  void kill_agent();
  void freeze_agent();
  void cut_power_of_host();
  void cut_hosts();
  void trouble_the_disk();
  void lose_all_power();
  void hurt_launcher();
  std::set<int> ranks_of(int host) const;

  SimJob& job_;
  Random& random_;
  Hurt hurt_;
};

}  // namespace dsrun::test
