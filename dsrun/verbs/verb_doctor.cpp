// dsrun doctor [FILE]: examines this machine, or the hosts of a job, and says what to fix before a launch.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/processes/doctor/doctor.hpp"
#include "actors/processes/doctor/examine_host.hpp"
#include "actors/processes/launch/cluster.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "dsl/device_kind.hpp"
#include "dsl/placement.hpp"
#include "dsrun/verbs/text/doctor_report.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/data/sources/files.hpp"
#include "runtime/device/scratch.hpp"

namespace dsrun {
namespace {

struct DoctorVerbOptions {
  JobOptions job;
  std::string run_dir;
};

// The first INT or TERM ends the examination in order, the second the program.
class Interruption {
 public:
  Interruption() {
    sigemptyset(&signals_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);  // all threads that start from now on, too
    std::thread([this] { watch(); }).detach();
  }
  void set_stop(std::function<void()> stop) {
    const std::lock_guard lock(mutex_);
    stop_ = std::move(stop);
    if (signal_ != 0) stop_();
  }
  int signal() {
    const std::lock_guard lock(mutex_);
    return signal_;
  }

 private:
  [[noreturn]] void watch() {
    for (;;) {
      int signal = 0;
      sigwait(&signals_, &signal);
      const std::lock_guard lock(mutex_);
      if (std::exchange(signal_, signal) != 0) _exit(128 + signal);
      if (stop_) stop_();
    }
  }

  sigset_t signals_{};
  std::mutex mutex_;
  std::function<void()> stop_;
  int signal_ = 0;
};

JobNeeds needs_without_job() {
  JobNeeds needs;
  needs.nodes.resize(1);
  return needs;
}

ClusterSpec this_machine() {
  ClusterSpec cluster;
  cluster.nodes = {{"localhost", 1, std::string(cpu_kind)}};
  cluster.isolation = Isolation::process;
  cluster.start_timeout_secs = 15;
  return cluster;
}

JobNeeds needs_of(const Job& job) {
  JobNeeds needs;
  needs.has_job = true;
  const Plan plan = make_plan(job);
  const MemoryPlan memory = plan_memory(plan, device_memory(plan));
  needs.world = plan.mesh.size();
  needs.nodes.resize(static_cast<std::size_t>(plan.placement.num_nodes()));
  for (int rank = 0; rank < needs.world; ++rank) {
    HostNeeds& node = needs.nodes[static_cast<std::size_t>(plan.placement.node_of(rank))];
    ++node.devices;
    node.num_bytes += memory[static_cast<std::size_t>(rank)].peak;
  }
  needs.in_processes = job.cluster.isolation == Isolation::process;
  needs.threads_per_device = job.cluster.threads_per_device;
  needs.wants_bf16 = job.precision.compute == Precision::bf16;
  needs.interface = job.cluster.network.interface;
  needs.transports = job.cluster.network.transports;
  return needs;
}

// Every file that a device opens, absolute; patterns that match nothing become faults.
std::vector<std::string> files_of(const Job& job, std::vector<std::string>& faults) {
  std::vector<std::string> files;
  const std::filesystem::path folder = std::filesystem::absolute(job.folder.empty() ? "." : job.folder);
  for (const std::string& pattern : job.data.files) {
    try {
      for (const std::string& file : find_data_files({pattern}, folder.string())) files.push_back(file);
    } catch (const StorageError& error) {
      faults.emplace_back(error.what());
    }
  }
  for (const std::string& file : {job.data.tokenizer, job.parallel.schedule_file, job.model.init_from})
    if (!file.empty()) files.push_back((folder / file).lexically_normal().string());
  return files;
}

int examine(const DoctorVerbOptions& options, Context& context) {
  std::optional<Job> job;
  if (!options.job.file.empty() && !(job = options.job.load(context))) return context.exit_code;
  Interruption interruption;
  DoctorOptions doctor;
  doctor.job = job ? job->run.name : "doctor";
  doctor.cluster = job ? job->cluster : this_machine();
  JobNeeds needs = job ? needs_of(*job) : needs_without_job();
  if (job) {
    doctor.folder = existing_part(options.run_dir.empty() ? "runs/" + job->run.name : options.run_dir);
    doctor.files = files_of(*job, needs.faults);
    doctor.invitation_file = doctor.folder + "/doctor-invitation.json";
  }
  const bool on_terminal = isatty(STDERR_FILENO) != 0;
  doctor.say = [&](const std::string& line) {
    if (!context.quiet()) std::fputs(fmt::format("dsrun: {}\n", line).c_str(), stderr);
  };
  doctor.on_measured = [&](std::size_t link, std::size_t links) {
    if (on_terminal && !context.quiet())
      std::fputs(fmt::format("\rdsrun: measured link {} of {}{}", link, links, link == links ? "\n" : "").c_str(),
                 stderr);
  };
  doctor.on_started = [&](std::function<void()> stop) { interruption.set_stop(std::move(stop)); };
  Examination found = examine_cluster(doctor);
  if (const int signal = interruption.signal(); signal != 0) {
    std::fputs("dsrun: interrupted\n", stderr);
    end_process(128 + signal);
  }
  needs.build = found.build;
  needs.launcher_can_write = found.can_write_folder;
  needs.files = std::move(found.files);
  std::vector<Finding> findings = diagnose(found.reports, found.links, needs);
  const bool failed = any_failed(findings);
  const DoctorReport report{found.build, std::move(found.reports), std::move(found.links), std::move(findings)};
  if (options.job.json())
    fmt::print("{}\n", doctor_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    fmt::print("{}", doctor_text(report, colour_on_stdout()));
  end_process(failed ? exit_cannot_place : exit_done);
}

constexpr const char* about_codes =
    "No job is started. Agents are launched on the hosts as for a job; they examine their host and measure the links\n"
    "between hosts, one pair at a time. Below each finding stands how to fix it. Exit codes: 0 no check failed, 65 "
    "fault\n"
    "in the job file, 69 a check failed.";

}  // namespace

void add_doctor(CommandLine& app, Context& context) {
  auto options = std::make_shared<DoctorVerbOptions>();
  Verb verb = app.add("doctor", "examine this machine, or the hosts and networks of a job, and say what to fix");
  options->job.add_to(verb).required(false).help("job file whose hosts are examined; default: this machine");
  verb.option("--run-dir", options->run_dir, "folder of the run, which all hosts have to share; default: runs/NAME");
  verb.footer(about_codes);
  verb.on_use([options, &context] {
    try {
      context.exit_code = examine(*options, context);
    } catch (const std::exception& error) {
      refuse(exit_failed, error.what());
      end_process(exit_failed);
    }
  });
}

}  // namespace dsrun
