// SimJob: one start of a job in a World: a launcher with GateCore and JobCore, an agent a host with AgentCore, a device
// a rank with DeviceCore, all of them those that ship, and a disk that they share. What stands around the cores here
// does what the actors around them do: it carries messages, watches the clock and decides nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/agent_core.hpp"
#include "actors/core/gate_core.hpp"
#include "actors/core/job_core.hpp"
#include "actors/state_files.hpp"
#include "tests/simulation/disk/disk.hpp"
#include "tests/simulation/disk/fiber.hpp"
#include "tests/simulation/mailbox.hpp"
#include "tests/simulation/world.hpp"

namespace dsrun::test {

inline constexpr const char* sim_run_dir = "runs/job";

// A job as small as jobs are, and what it does where nothing fails.
struct SimPlan {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const BatchLoader> loader;
  std::map<std::int64_t, double> losses;  // by step, in a cluster that does not fail

  int num_nodes() const { return plan->placement.num_nodes(); }
  int num_ranks() const { return plan->mesh.size(); }
};
inline constexpr int num_sim_plans = 4;
const SimPlan& sim_plan(int number);  // made once

// A way in which the program could be wrong, for tests of the simulation itself.
enum class JobMistake : std::uint8_t {
  none,
  waits_without_end,   // a device does not look how long it has waited
  blames_the_first,    // who complains first is taken for the cause
  alters_tensors,      // now and then, by one bit
  hears_dead_tensors,  // a tensor of an earlier generation is taken for one of this
  hears_dead_beats,    // … and a sign of life
  misses_no_device,    // an agent does not notice a device that is silent
  outlives_its_agent,  // a device does
};

struct SimOptions {
  std::uint32_t generation = 1;
  JobMistake mistake = JobMistake::none;
  int launcher_host = 0;  // a node's, or one of its own
  std::int64_t op_ns = ms;
  std::int64_t disk_op_ns = ms / 10;
};

// What a start of the job left behind.
struct SimReport {
  std::optional<std::int64_t> resumed_from;
  std::map<std::int64_t, double> losses;  // by step
  std::optional<std::int64_t> committed;  // the newest step of which the job was told that it is saved
  std::optional<JobFinished> finished;
  std::string start_failure;                // "": it began
  std::int64_t began_at = 0, ended_at = 0;  // 0: not
};

class SimDevice;
class SimAgent;
class SimLauncher;

class SimJob {
 public:
  SimJob(World& world, SimDisk& disk, FileSystem& files, const SimPlan& plan, SimOptions options);
  ~SimJob();

  SimReport report;
  // Messages as an earlier generation sent them, which arrive now; to fill by the test, or from sent().
  std::vector<Outgoing> sent;  // some of the tensors on their way
  void hear_the_dead(const std::vector<Outgoing>& tensors, std::uint32_t dead_generation);

  World& world;
  SimDisk& disk;
  FileSystem& files;
  const SimPlan& plan;
  const SimOptions options;

  Pid launcher_pid = -1;
  std::vector<Pid> agent_pids, device_pids;  // −1: not started
  SimLauncher& launcher() { return *launcher_; }
  SimAgent* agent(int node) { return agents_[static_cast<std::size_t>(node)].get(); }
  SimDevice* device(int rank) { return devices_[static_cast<std::size_t>(rank)].get(); }
  void start_agent(int node);
  Pid start_device(int rank, const Begin& begin);
  // Ends a process, and with an agent what the kernel ends with it.
  void end(Pid pid);

  // Runs `work` in pieces, one operation of the disk each; then `over`, with what it threw.
  void with_disk(Pid who, std::function<void()> work, std::function<void(std::exception_ptr)> over);
  std::int64_t disk_hangs_until = 0;

 private:
  std::unique_ptr<SimLauncher> launcher_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::vector<std::unique_ptr<SimDevice>> devices_;
};

// What was thrown, in words. Lets a power loss pass.
std::string words_of(const std::exception_ptr& thrown);

class SimDevice {
 public:
  SimDevice(SimJob& job, int rank, Pid pid, const Begin& begin);
  void on_membership(const Membership& membership);
  void on_beat(const Beat& beat);
  void on_farewell() { job_.end(pid_); }
  void on_stop();
  void on_tensor(TensorMessage message);
  void on_link_lost(int peer);
  template <class Order>
  void on_order(const Order& order) {
    actor_.hear([this, order] { handle(order); });
  }

 private:
  void look_at_agent();
  void configure();
  void make_core();
  void handle(const RoundOrder& order);
  void handle(const UpdateOrder& order);
  void handle(const SaveOrder& order);
  void handle(const WaitsRequest&);
  template <class Work>
  void guarded(const char* op, FaultCause cause, Work work);
  void pump();
  void deliver();
  void connect();
  void check_deadline();
  void fail(std::string op, FaultCause cause, std::string detail, std::vector<Tag> waits = {}, int peer = -1);
  template <class Message>
  void to_agent(Message message);

  SimJob& job_;
  const int rank_;
  const Pid pid_;
  const Begin begin_;
  Heartbeats agent_beats_;
  Mailbox actor_;
  Membership membership_;
  std::optional<DeviceCore> core_;
  bool continuing_ = false, failed_ = false, stopped_ = false;
  std::int64_t last_progress_ = 0;
};

class SimAgent {
 public:
  SimAgent(SimJob& job, int node, Pid pid);
  const Pid pid;
  void tell_gate_gone();
  void on_device_here(int rank, Pid device);
  template <class Message>
  void from_launcher(const Message& message);
  template <class Message>
  void from_device(const Message& message);
  void carry_out_effects();

 private:
  void carry_out(AgentCore::ToGate& effect);
  void carry_out(AgentCore::ToDoor& effect);
  void carry_out(AgentCore::ToCoordinator& effect);
  void carry_out(AgentCore::StopDevice& effect);
  void carry_out(AgentCore::StartDevice& effect);
  void carry_out(AgentCore::KillProcess& effect);
  void carry_out(AgentCore::KillAll& effect);
  void carry_out(AgentCore::WakeIn& effect);
  void carry_out(AgentCore::End& effect);

  SimJob& job_;
  const int node_;
  AgentCore core_;
  Begin begin_;
  std::vector<Pid> children_;
};

class SimLauncher {
 public:
  SimLauncher(SimJob& job, Pid pid);
  template <class Message>
  void gate_hears(int node, const Message& message);
  template <class Message>
  void coordinator_hears(const Message& message);
  void connection_ended(int node);
  void agent_ended(int node);
  void hear_dead_beats(std::uint32_t generation);
  const std::optional<SavedState>& saved() const { return saved_; }  // that the job goes on from

 private:
  void resume();
  void begin();
  void carry_out_gate();
  void carry_out(GateCore::ToAgent& effect);
  void carry_out(GateCore::Introduce& effect);
  void carry_out(GateCore::TellLoss& effect);
  void carry_out(GateCore::KillAgent& effect);
  void carry_out(GateCore::Started& effect);
  void carry_out(GateCore::StartFailed& effect);
  void carry_out(GateCore::WakeIn& effect);
  void carry_out_job();
  void carry_out(JobCore::ToMembers& effect);
  void carry_out(JobCore::Commit& effect);
  void carry_out(JobCore::Tell& effect);
  void carry_out(JobCore::WakeIn& effect);
  void carry_out(JobCore::End& effect);
  void leave(std::int64_t patience);

  SimJob& job_;
  const Pid pid_;
  std::optional<GateCore> gate_;
  std::vector<int> nodes_;  // by guest
  std::optional<SavedState> saved_;
  std::optional<JobCore> core_;
};

}  // namespace dsrun::test
