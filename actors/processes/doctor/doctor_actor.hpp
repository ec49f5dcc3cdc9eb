// The doctor: the gate of `dsrun doctor`. It has every host examined that comes in time, then has every pair of hosts
// and the inside of every host measured, one link at a time. A host that does not answer is a report that says so;
// whatever happens, the end comes within the times of its setup.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/messages/messages.hpp"
#include "actors/processes/net/clock_comparison.hpp"

namespace dsrun {

struct DoctorSetup {
  std::string build;
  std::vector<std::string> hosts;   // by node, as the job file calls them
  std::vector<std::string> faults;  // by node: why it cannot be reached; "": it may be
  Examine asked;                    // of each host
  double start_secs = 0;            // for agents to come
  double examine_secs = 0;          // for hosts to be examined, once their agents are there
  double link_secs = 0;             // for one link
  std::function<void(std::size_t link, std::size_t num_links)> on_measured;
  // The last that this actor does.
  std::function<void(std::vector<HostReport> reports, std::vector<LinkMeasure> links)> on_end;
};

class DoctorShell {
 public:
  using Self = caf::stateful_actor<DoctorShell>;
  static inline const char* name = "doctor";

  explicit DoctorShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(DoctorSetup setup);

 private:
  enum class Stage : std::uint8_t { hosts, probes, links, parting };
  struct Host {
    HostReport report;
    caf::actor agent, examiner;  // null: not there yet
    ClockComparison clock;       // of walls
    bool is_examined = false;
    bool has_probes = false;
    bool has_left = false;
    std::string no_probes;  // why it has none
  };
  void on_enlist(const Enlist& enlist);
  int place(const Enlist& enlist) const;  // −1: there is none
  void ask_clock(int node);
  void on_clock(const ClockReply& reply);
  void on_examined(Examined& examined);
  void on_lost(int node, const std::string& how);
  void on_deadline(int number);
  void on_hosts_late();
  void set_deadline(double secs);
  void go_on();  // to the next stage, if this one is complete

  bool hosts_complete() const;
  bool probes_complete() const;
  void plan_links();
  void start_link();
  void end_link(const LinkMeasure& measure);
  void on_address(const ProbeAddress& address);
  void part();
  void end();

  Host& host(int node) { return hosts_[static_cast<std::size_t>(node)]; }
  bool is_known(int node) const { return node >= 0 && static_cast<std::size_t>(node) < hosts_.size(); }

  Self* self_;
  DoctorSetup setup_;
  std::vector<Host> hosts_;  // by node
  Stage stage_ = Stage::hosts;
  bool is_late_ = false;  // agents that have not come are not waited for any more
  int deadline_ = 0;      // the number of the one that counts
  std::vector<LinkMeasure> links_;
  std::size_t link_ = 0;  // which is being measured
};

inline caf::behavior doctor_actor(DoctorShell::Self* self, DoctorSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
