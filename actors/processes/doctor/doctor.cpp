#include "actors/processes/doctor/doctor.hpp"

#include <future>

#include <fmt/format.h>

#include "actors/processes/doctor/doctor_actor.hpp"
#include "actors/processes/doctor/examine_host.hpp"
#include "actors/processes/doctor/probe_process.hpp"
#include "actors/processes/launch/agent.hpp"
#include "actors/processes/launch/agent_launcher.hpp"
#include "actors/processes/net/own_address.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

constexpr double examine_secs = 10;
constexpr double link_secs = probe_peer_secs + probe_measure_secs + 1;

class Doctor {
 public:
  explicit Doctor(const DoctorOptions& options) : options_(options), mark_(options.folder) {}

  ~Doctor() { launcher_.kill_all(); }

  Examination run() {
    Examination result;
    result.build = build_of(DSRUN_VERSION, own_program());
    for (const std::string& file : options_.files) result.files.push_back(examine_file(file));
    result.can_write_folder = options_.folder.empty() || !mark_.name().empty();
    auto ended = std::make_shared<std::promise<void>>();
    DoctorSetup setup = doctor_setup(result.build);
    setup.on_end = [&result, ended](std::vector<HostReport> reports, std::vector<LinkMeasure> links) {
      result.reports = std::move(reports);
      result.links = std::move(links);
      ended->set_value();
    };
    gate_ = launcher_.plane().actors().spawn<caf::detached>(doctor_actor, std::move(setup));
    if (options_.on_started) options_.on_started([gate = gate_] { caf::anon_send(gate, StopRequest{}); });
    start();
    ended->get_future().get();
    launcher_.wait_for_all(3s);
    return result;
  }

 private:
  // Without the interface, where this host lacks it: agents shall say what they have all the same.
  ClusterSpec reachable_cluster() const {
    ClusterSpec cluster = options_.cluster;
    if (cluster.isolation == Isolation::thread) cluster.launcher = Launcher::local;
    try {
      if (!cluster.network.interface.empty()) own_address(cluster.network.interface, "");
    } catch (const std::exception&) {
      cluster.network.interface.clear();
    }
    return cluster;
  }

  // Why no agent gets to this host; "": one may.
  std::string unreachable(int node) const {
    const std::string name = placement().host(node);
    if (cluster_.launcher != Launcher::local || name == "localhost" || name.starts_with("localhost-")) return "";
    return "[cluster] launcher = \"local\" starts everything on this host; other hosts take "
           "isolation = \"process\" and launcher = \"ssh\" or \"wait\"";
  }

  DoctorSetup doctor_setup(const std::string& build) {
    DoctorSetup setup;
    ExaminationOptions& options = setup.options;
    options.build = build;
    for (int node = 0; node < placement().num_nodes(); ++node) {
      options.hosts.push_back(placement().host(node));
      options.faults.push_back(unreachable(node));
    }
    options.asked.build = build;
    options.asked.folder = options_.folder;
    options.asked.mark = mark_.name();
    options.asked.mark_text = mark_.text();
    options.asked.files = options_.files;
    options.asked.interface = options_.cluster.network.interface;
    options.asked.secret = random_secret();
    options.start_secs = cluster_.start_timeout_secs;
    options.examine_secs = examine_secs;
    options.link_secs = link_secs;
    const double num_hosts = placement().num_nodes();
    options.asked.limit_secs =
        2 * (options.start_secs + examine_secs) + link_secs * (num_hosts + num_hosts * (num_hosts - 1) / 2);
    setup.on_measured = options_.on_measured;
    return setup;
  }

  void start() {
    launcher_.listen(gate_);
    if (cluster_.launcher == Launcher::wait) return launcher_.wait_for_agents();
    for (int node = 0; node < placement().num_nodes(); ++node) {
      if (!unreachable(node).empty()) continue;
      try {
        launcher_.start(node);
      } catch (const std::exception& error) {
        caf::anon_send(gate_, StartFault{node, error.what()});
      }
    }
  }

  const Placement& placement() const { return launcher_.placement(); }

  const DoctorOptions& options_;
  const ClusterSpec cluster_ = reachable_cluster();
  const FolderMark mark_;
  caf::actor gate_;
  AgentLauncher launcher_{
      {options_.job, cluster_, options_.invitation_file, options_.say, [this](int node, const std::string& how) {
         caf::anon_send(gate_, AgentEnded{node, how});
       }}};
};

}  // namespace

Examination examine_cluster(const DoctorOptions& options) { return Doctor(options).run(); }

}  // namespace dsrun
