// JobCore: all that the coordinator decides, as a state machine without actors, files and clocks. CoordinatorCore says
// what training does next. Around it, this core finds out which member is guilty and how long to wait for each. It
// decides when a checkpoint is committed and when the job is over.
//
// The job never hangs. A member that dies is a fault. A wait that passed its deadline and the loss of a process are
// explained first (culprit.hpp). A living device that does not answer for longest_silence peer timeouts is a fault. So
// is a disk that takes as long to commit a checkpoint. When the job is over, members that do not end within a grace
// time are given up.
//
// Feed it what members say; after each input carry out take_effects() in order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/coordinator_core.hpp"
#include "actors/core/culprit.hpp"

namespace dsrun {

// Who gets orders: a device, or a host's agent that passes them on to its devices.
struct JobMember {
  std::vector<int> ranks;
  std::string host;  // of the agent; "": a device of the launcher's own process
};

class JobCore {
 public:
  enum class Timer : std::uint8_t { silence, cause, commit, end };

  struct ToMembers {  // to each of them
    std::variant<RoundOrder, UpdateOrder, SaveOrder, WaitsRequest, StopOrder> order;
  };
  struct Commit {  // answered by on_committed or on_commit_failed; meanwhile the core takes other input
    SaveFinished save;
  };
  struct Tell {  // whoever shows or records the job
    Progressed progress;
  };
  struct WakeIn {
    Timer timer;
    double secs;
  };
  struct End {      // the last effect
    bool all_over;  // every member has ended, and no commit is under way
  };
  using Effect = std::variant<ToMembers, Commit, Tell, WakeIn, End>;

  JobCore(Membership membership, std::shared_ptr<const BatchLoader> loader, StartState start,
          std::vector<JobMember> members, std::int64_t now_ns);

  void on_ready(const Ready& ready, std::int64_t now_ns);
  void on_result(RoundResult result, std::int64_t now_ns);
  void on_done(RoundDone done, std::int64_t now_ns);
  void on_saved(ShardSaved saved, std::int64_t now_ns);
  void on_waits(WaitsReport report, std::int64_t now_ns);
  void on_fault(const DeviceFault& fault);
  void on_member_ended(int member, const std::string& reason);
  void on_committed(std::int64_t now_ns);
  void on_commit_failed(const std::string& why);
  void on_failure(Outcome outcome, const std::string& why);          // a failure of this process, not of a member
  void on_listener_failed(Outcome outcome, const std::string& why);  // reported to the listener, even after the end
  void on_stop_request();
  void on_save_request() { core_.request_save(); }
  void on_timer(Timer timer, std::int64_t now_ns);

  std::vector<Effect> take_effects();
  bool finished() const { return core_.finished(); }

 private:
  void heard(int rank, std::int64_t now_ns) { heard_ns_.at(static_cast<std::size_t>(rank)) = now_ns; }
  void give(const std::vector<Order>& orders);
  void send(const std::vector<Order>& orders);
  void tell_progress();
  void look_for_silence(std::int64_t now_ns);
  void look_for_commit(std::int64_t now_ns);
  void commit_over();
  double longest_silence_secs() const;
  bool all_over() const;
  void end();

  std::shared_ptr<const Plan> plan_;
  CoordinatorCore core_;
  std::vector<JobMember> members_;
  std::vector<bool> ended_;             // by member
  std::vector<std::int64_t> heard_ns_;  // by rank: when its actor was last heard
  Culprit culprit_;
  std::optional<std::int64_t> commit_began_ns_;  // none: no commit is under way
  bool stopping_ = false;                        // StopOrder is sent
  bool over_ = false;
  bool listener_failed_ = false;
  std::vector<Effect> effects_;
};

}  // namespace dsrun
