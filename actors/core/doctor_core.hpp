// DoctorCore: what the gate of `dsrun doctor` decides, as a state machine without actors and clocks. It has every host
// examined whose agent comes in time. Then it has the links measured one at a time: between each pair of hosts, and
// inside each host. A host that does not answer gets a report that says so. The examination always ends within the
// times of its options.
//
// Feed it what agents and examiners say; after each input carry out take_effects() in order. Whoever enlists is a
// guest, numbered by the caller; a number is used once.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/doctor_values.hpp"
#include "actors/core/job_values.hpp"
#include "actors/core/start_values.hpp"
#include "actors/core/watch/clock_comparison.hpp"

namespace dsrun {

struct ExaminationOptions {
  std::string build;
  std::vector<std::string> hosts;   // by node, as the job file calls them
  std::vector<std::string> faults;  // by node: why it cannot be reached; "": nothing is known against it
  Examine asked;                    // of each host
  double start_secs = 0;            // for agents to come
  double examine_secs = 0;          // for hosts to be examined, once their agents are there
  double link_secs = 0;             // for one link
};

class DoctorCore {
 public:
  using Guest = int;

  struct ToAgent {
    Guest guest;
    std::variant<Refused, Examine, ClockRequest, Farewell, StopOrder> message;
  };
  struct ToExaminer {
    int node;
    std::variant<ProbeOrder, ProbePeer> message;
  };
  struct WakeIn {  // deadlines are numbered: only the latest counts
    int number;
    double secs;
  };
  struct Measured {
    std::size_t link, num_links;  // from 1
  };
  struct End {  // the last effect
    std::vector<HostReport> reports;
    std::vector<LinkMeasure> links;
  };
  using Effect = std::variant<ToAgent, ToExaminer, WakeIn, Measured, End>;

  explicit DoctorCore(ExaminationOptions options);

  // Times are wall clock times: what is compared is the time that people read.
  void on_enlist(Guest guest, const Enlist& enlist, std::int64_t wall_ns);
  void on_guest_gone(Guest guest);
  void on_clock(const ClockReply& reply, std::int64_t wall_ns);
  void on_examined(HostReport report);
  void on_probes(const ProbesHere& here);
  void on_probe_lost(const ProbeLost& lost);
  void on_address(const ProbeAddress& address);
  void on_measured(const LinkMeasured& measured);
  void on_lost(int node, const std::string& how);  // its agent, or what should have been one
  void on_farewell(const Farewell& farewell);
  void on_stop_request();
  void on_timer(int number);

  std::vector<Effect> take_effects();

 private:
  enum class Stage : std::uint8_t { hosts, probes, links, parting, over };
  struct Host {
    HostReport report;
    Guest guest = -1;       // −1: not there yet
    ClockComparison clock;  // of wall clocks
    bool is_examined = false;
    bool has_probes = false;
    bool has_left = false;
    std::string no_probes;  // why it has none
  };
  int place(const Enlist& enlist) const;  // −1: there is none
  bool is_of_this_build(Host& there, Guest guest, const Enlist& enlist);
  void ask_clock(int node, std::int64_t wall_ns);
  void on_hosts_late();
  void set_deadline(double secs);
  void go_on();  // to the next stage, if this one is complete
  bool hosts_complete() const;
  bool probes_complete() const;
  bool measures(int node) const;  // a link of this host
  void plan_links();
  void start_link();
  void end_link(const LinkMeasure& measure);
  void part();
  void end();

  Host& host(int node) { return hosts_[static_cast<std::size_t>(node)]; }
  bool is_known(int node) const { return node >= 0 && static_cast<std::size_t>(node) < hosts_.size(); }
  template <class Message>
  void send(Guest guest, Message message) {
    effects_.push_back(ToAgent{guest, std::move(message)});
  }

  ExaminationOptions options_;
  std::vector<Host> hosts_;  // by node
  Stage stage_ = Stage::hosts;
  bool is_late_ = false;  // no longer waits for agents that have not come
  int deadline_ = 0;      // the number of the latest, which counts
  std::vector<LinkMeasure> links_;
  std::size_t link_ = 0;  // which is being measured
  std::vector<Effect> effects_;
};

}  // namespace dsrun
