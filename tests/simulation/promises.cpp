#include "tests/simulation/promises.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "tests/simulation/faults.hpp"

namespace dsrun::test {
namespace {

constexpr int most_starts = 3;
constexpr std::int64_t longest_job = 100 * secs;  // ten peer timeouts of silence, and all that comes after
constexpr std::int64_t time_to_part = 40 * secs;  // of every process, after the launcher

std::set<int> ranks_from(int first, int count) {
  std::set<int> ranks;
  for (int rank = first; rank < first + count; ++rank) ranks.insert(rank);
  return ranks;
}

// Whom a report accuses. A wait, or a broken link, is of whoever felt it: it accuses whom it waited for, and the report
// adds who waits for whom and who said nothing at all.
std::set<int> accused(const JobFinished& finished, int num_ranks) {
  const DeviceFault& fault = *finished.fault;
  if (fault.cause != FaultCause::wait && fault.cause != FaultCause::link_broken)
    return ranks_from(fault.rank, fault.num_ranks);
  std::set<int> ranks;
  if (fault.peer >= 0) ranks.insert(fault.peer);
  for (const Tag& tag : fault.waits) ranks.insert(tag.source);
  for (int rank = 0; rank < num_ranks; ++rank) {
    const std::size_t at = finished.cause.find(fmt::format("; rank {}", rank));
    if (at == std::string::npos) continue;
    const std::string part = finished.cause.substr(at, finished.cause.find(';', at + 1) - at);
    if (part.find("does not answer") != std::string::npos) ranks.insert(rank);
    for (int other = 0; other < num_ranks; ++other)
      if (part.find(fmt::format("from rank {}", other)) != std::string::npos) ranks.insert(other);
  }
  return ranks;
}

class Starts {
 public:
  Starts(std::uint64_t seed, JobMistake mistake, CheckpointMistake disk_mistake)
      : random_(seed),
        mistake_(mistake),
        plan_(sim_plan(static_cast<int>(random_.below(num_sim_plans)))),
        disk_(random_.next()),
        files_(mistaken(disk_, disk_mistake)) {
    disk_.make_folder("runs");
    disk_.sync_folder("/");
    disk_.make_folder(sim_run_dir);
    disk_.before_each = [] { Fiber::pause(); };
  }

  Verdict run() {
    Verdict verdict;
    for (bool over = false; !over && verdict.broken.empty();) {
      const bool last = ++verdict.starts == most_starts || random_.chance(0.3);
      over = start(verdict, !last);
    }
    return verdict;
  }

 private:
  // True: the job has completed.
  bool start(Verdict& verdict, bool may_fail) {
    World world(random_.next());
    SimOptions options;
    options.generation = static_cast<std::uint32_t>(verdict.starts);
    options.mistake = mistake_;
    options.launcher_host = random_.chance(0.5) ? 0 : plan_.num_nodes();
    options.op_ns = random_.between(1, 20) * ms / 10;
    SimJob job(world, disk_, *files_, plan_, options);
    Faults faults(job, may_fail);
    let_the_dead_speak(job);
    const bool ended = run_to_the_end(world, job, faults);
    verdict.trace = verdict.trace * 31 + world.trace();
    const SimReport& report = job.report;
    if (report.committed) sure_ = report.committed;
    dead_ = std::move(job.sent);
    Hurt hurt = faults.hurt();
    if (lied_) {  // before this start: what it finds may be damaged, which a checksum has to notice
      hurt.disk = true;
      ++hurt.count;
    }
    lies_ = lies_ || hurt.disk_lies;  // what it has not written is lost by a later start's loss of power, too
    lied_ = lied_ || (lies_ && hurt.power);
    const std::string broken = look(world, job, hurt, ended);
    if (!broken.empty())
      verdict.broken = fmt::format("start {}: {} [plan of {} ranks on {} hosts; {}; outcome: {}]", verdict.starts,
                                   broken, plan_.num_ranks(), plan_.num_nodes(),
                                   hurt.story.empty() ? "nothing happened" : hurt.story, in_words(report));
    if (hurt.power)
      disk_.lose_power();
    else
      disk_.faults = {};
    return report.finished && report.finished->outcome == Outcome::completed;
  }

  static std::string in_words(const SimReport& report) {
    if (report.finished)
      return fmt::format("{}, \"{}\"", static_cast<int>(report.finished->outcome), report.finished->cause);
    return report.start_failure.empty() ? "none" : report.start_failure;
  }

  void let_the_dead_speak(SimJob& job) {
    if (job.options.generation == 1) return;
    const std::uint32_t dead = job.options.generation - 1;
    for (std::int64_t when = job.world.now(); when < 20 * secs; when += 100 * ms)
      job.world.at_time(when, "the dead speak", [this, &job, dead] {
        job.hear_the_dead(when_young(job) ? dead_ : std::vector<Outgoing>{}, dead);
      });
  }
  static bool when_young(const SimJob& job) { return job.world.now() < 2 * secs; }

  bool run_to_the_end(World& world, SimJob& job, const Faults& faults) {
    while (world.alive(job.launcher_pid) && world.now() < longest_job)
      if (world.run(world.now() + secs)) break;
    const bool ended = !world.alive(job.launcher_pid) || faults.hurt().launcher;
    world.run(world.now() + time_to_part);
    return ended;
  }

  std::string look(const World& world, const SimJob& job, const Hurt& hurt, bool ended) {
    if (!ended) return "ends: the launcher still runs";
    // One that stays frozen cannot end itself; whoever would end it may have been hurt as well.
    for (const Pid pid : world.living())
      if (pid != job.launcher_pid && ((hurt.count <= 1 && job.report.began_at > 0) || !world.frozen(pid)))
        return fmt::format("ends: process {} on host {} outlives the job", pid, world.host_of(pid));
    for (const std::string& broken :
         {look_at_time(job.report, hurt), look_at_report(job, hurt), look_at_losses(job, hurt)})
      if (!broken.empty()) return broken;
    return look_at_disk(job, hurt);
  }

  static std::string look_at_time(const SimReport& report, const Hurt& hurt) {
    const bool applies = hurt.count == 1 && !hurt.launcher && report.finished && report.began_at > 0 &&
                         report.finished->outcome != Outcome::completed && hurt.first_at > report.began_at;
    if (!applies || report.ended_at - hurt.first_at <= hurt.notice_ns) return "";
    return fmt::format("ends: {:.3g} s after the fault", static_cast<double>(report.ended_at - hurt.first_at) * 1e-9);
  }

  std::string look_at_report(const SimJob& job, const Hurt& hurt) {
    const SimReport& report = job.report;
    if (!report.start_failure.empty()) return look_at_start_failure(report.start_failure, hurt);
    if (!report.finished) return hurt.launcher ? "" : "ends: without a report";
    const JobFinished& finished = *report.finished;
    if (finished.outcome == Outcome::completed) return "";
    if (hurt.nobody()) return "same: nothing happened, and the job failed";
    if (!finished.fault) return hurt.disk ? "" : "guilty: nobody is named";
    if (finished.fault->cause == FaultCause::error) return "guilty: the program is wrong";
    if (hurt.launcher) return "";  // once it thaws, others have ended because it was silent
    if (finished.fault->cause == FaultCause::storage) return hurt.disk ? "" : "guilty: a disk that is well";
    for (const int rank : accused(finished, plan_.num_ranks()))
      if (hurt.ranks.contains(rank)) return "";
    return "guilty: an innocent rank";
  }

  std::string look_at_start_failure(const std::string& cause, const Hurt& hurt) {
    if (cause.starts_with("storage: ")) return hurt.disk ? "" : "guilty: a disk that is well";
    for (const int rank : hurt.ranks)
      if (cause.find("host " + plan_.plan->placement.host(plan_.plan->placement.node_of(rank))) != std::string::npos)
        return "";
    return hurt.launcher ? "" : "guilty: an innocent host";
  }

  std::string look_at_losses(const SimJob& job, const Hurt& hurt) {
    for (const auto& [step, loss] : job.report.losses)
      if (plan_.losses.at(step) != loss)
        return fmt::format("same: the loss of step {} is {} instead of {}", step, loss, plan_.losses.at(step));
    if (!hurt.nobody()) return "";
    const auto steps = static_cast<std::int64_t>(job.report.losses.size());
    const std::int64_t missing =
        static_cast<std::int64_t>(plan_.losses.size()) - job.report.resumed_from.value_or(0) - steps;
    return missing == 0 ? "" : fmt::format("same: {} steps are missing", missing);
  }

  // As the next start will find it.
  std::string look_at_disk(const SimJob& job, const Hurt& hurt) {
    if (job.report.finished && job.report.finished->outcome == Outcome::completed && sure_ != plan_.plan->job.run.steps)
      return "whole: the job completed without its last checkpoint";
    if (hurt.power) disk_.lose_power();
    disk_.faults = {};
    const auto saved = find_saved_state(sim_run_dir, disk_);
    if (sure_ && !lied_ && (!saved || saved->step() < *sure_))
      return fmt::format("whole: step {} was committed, and {} is offered", *sure_,
                         saved ? fmt::format("step {}", saved->step()) : "nothing");
    // What is offered without having outlived a loss of power may still lie in memory alone.
    if (saved && hurt.power) sure_ = saved->step();
    return "";
  }

  Random random_;
  const JobMistake mistake_;
  const SimPlan& plan_;
  SimDisk disk_;
  std::unique_ptr<FileSystem> files_;
  std::optional<std::int64_t> sure_;  // the newest step that was committed
  std::vector<Outgoing> dead_;        // tensors of the start before
  bool lies_ = false;                 // a disk has said of something that it is written, and it was not
  bool lied_ = false;                 // the disk, about what it then lost
};

}  // namespace

Verdict check_job(std::uint64_t seed, JobMistake mistake, CheckpointMistake disk_mistake) {
  return Starts(seed, mistake, disk_mistake).run();
}

}  // namespace dsrun::test
