#include "dsl/validate.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "dsl/job_schedule.hpp"
#include "dsl/two_hop.hpp"
#include "runtime/schedule/program_file.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

constexpr double most_tokens_of_a_run = 4e18;  // so that they can be counted
constexpr std::int64_t most_tokens = 1 << 22;  // of a microbatch: its rows, times experts_per_token, fit an int
constexpr double slowest_link = 1e-6;          // GB/s; below it a transfer's nanoseconds may not fit

class Rules {
 public:
  Rules(const Job& job, const KeyPlaces& places) : job_(job), places_(places) {}

  std::vector<Diagnostic> check() {
    run();
    model();
    parallel();
    batch();
    ramp();
    optimizer();
    link();
    processes();
    if (places_.whole) cluster();  // else a node may be missing
    return std::move(faults_);
  }

 private:
  using Keys = std::vector<std::string>;

  // Unless `holds`: a fault at the first written key, pointing at the second as well. Defaults are named as such.
  void rule(bool holds, const Keys& keys, const std::string& message, const std::string& help) {
    if (holds || !usable(keys)) return;
    Diagnostic fault;
    fault.place = places_.file->place(0, 0, keys[0]);
    fault.message = message;
    fault.help = help;
    bool placed = false;
    for (const std::string& key : keys) {
      const auto found = places_.written.find(key);
      if (found == places_.written.end()) {
        fault.message += fmt::format(" ({} has its default)", key);
      } else if (!placed) {
        fault.place = found->second.place(key);
        placed = true;
      } else if (!fault.other) {
        fault.other = found->second.place(key);
      }
    }
    faults_.push_back(std::move(fault));
  }
  bool usable(const Keys& keys) const {
    return std::none_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return places_.faulty.contains(key) || (!places_.whole && !places_.written.contains(key));
    });
  }

  void divides(int divisor, const std::string& divisor_key, int number, const std::string& number_key) {
    rule(number % divisor == 0, {divisor_key, number_key},
         fmt::format("{} = {} does not divide {} = {}", divisor_key, divisor, number_key, number),
         fmt::format("make {} a multiple of {}", number_key, divisor_key));
  }

  void run() {
    const std::string& name = job_.run.name;
    const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
                           std::string::npos &&
                       !name.empty() && name[0] != '.' && name[0] != '-';
    rule(plain, {"job.name"}, fmt::format("\"{}\" cannot name a run's folder", name),
         "use letters, digits, '-', '_' and '.', and begin with a letter, a digit or '_'");
  }

  void model() {
    const ModelSpec& m = job_.model;
    rule(m.dense_layers <= m.layers, {"model.dense_layers", "model.layers"},
         fmt::format("the model cannot have {} dense layers of {} layers", m.dense_layers, m.layers),
         "set it to at most model.layers");
    rule(m.rope_dim % 2 == 0, {"model.rope_dim"},
         fmt::format("rope_dim = {} is odd, but columns rotate in pairs", m.rope_dim), "set an even number");
    rule(m.yarn.beta_slow <= m.yarn.beta_fast, {"model.yarn_beta_slow", "model.yarn_beta_fast"},
         fmt::format("yarn_beta_slow = {} is above yarn_beta_fast = {}", m.yarn.beta_slow, m.yarn.beta_fast),
         "set yarn_beta_slow to at most yarn_beta_fast");
    divides(m.expert_groups, "model.expert_groups", m.experts, "model.experts");
    rule(m.moe_layers() <= 0 || m.experts != m.expert_groups, {"model.expert_groups", "model.experts"},
         fmt::format("{} groups of one expert each, but a group counts by its two best experts", m.expert_groups),
         "set expert_groups to at most half of model.experts");
    rule(m.groups_per_token <= m.expert_groups, {"model.groups_per_token", "model.expert_groups"},
         fmt::format("a token's experts lie in {} groups, but there are {}", m.groups_per_token, m.expert_groups),
         "set it to at most model.expert_groups");
    const std::int64_t reachable = std::int64_t{m.experts} / m.expert_groups * m.groups_per_token;
    rule(m.experts_per_token <= reachable,
         {"model.experts_per_token", "model.groups_per_token", "model.experts", "model.expert_groups"},
         fmt::format("a token goes to {} experts, but its {} groups hold only {}", m.experts_per_token,
                     m.groups_per_token, reachable),
         "lower experts_per_token or raise groups_per_token");
  }

  void parallel() {
    const ParallelSpec& p = job_.parallel;
    divides(p.expert, "parallel.expert", p.data, "parallel.data");
    if (job_.model.moe_layers() > 0) divides(p.expert, "parallel.expert", job_.model.experts, "model.experts");
    if (p.from_file())
      schedule_file();
    else
      schedule();
    stages();
  }

  void stages() {
    const ParallelSpec& p = job_.parallel;
    for (const char* key : {"parallel.schedule", "parallel.schedule_file", "parallel.stages_per_rank"})
      if (places_.faulty.contains(key)) return;
    if (!p.from_file() && find_schedule(p.schedule)->stages_fault({.stages_per_rank = p.stages_per_rank})) return;
    const int number = num_stages(p);
    rule(job_.model.layers >= number, {"parallel.pipeline", "model.layers"},
         fmt::format("with {} pipeline stages{} of {} layers a stage would be empty", number,
                     number == p.pipeline ? "" : fmt::format(" (on {} ranks)", p.pipeline), job_.model.layers),
         "ask for at most as many stages as layers");
    if (p.layers_per_stage.empty()) return;  // balanced by cost
    const auto sum = std::accumulate(p.layers_per_stage.begin(), p.layers_per_stage.end(), std::int64_t{0});
    rule(static_cast<int>(p.layers_per_stage.size()) == number, {"parallel.layers_per_stage", "parallel.pipeline"},
         fmt::format("layers_per_stage has {} entries for {} pipeline stages", p.layers_per_stage.size(), number),
         "give one entry for each stage");
    rule(sum == job_.model.layers, {"parallel.layers_per_stage", "model.layers"},
         fmt::format("the stages have {} layers, the model has {}", sum, job_.model.layers),
         fmt::format("give entries that sum to {}", job_.model.layers));
  }

  void schedule() {
    const ScheduleRow* row = find_schedule(job_.parallel.schedule);
    const int ranks = job_.parallel.pipeline, microbatches = job_.batch.microbatches;
    int of_rank = job_.parallel.stages_per_rank;
    if (const auto misfit = row->stages_fault({ranks, microbatches, of_rank})) {
      rule(false, {"parallel.stages_per_rank", "parallel.schedule"}, *misfit,
           row->stages_chosen ? "set another number, or leave it out"
                              : "leave it out, or set schedule = \"interleaved\"");
      of_rank = 0;
    }
    const std::optional<std::string> fault = row->fault({ranks, microbatches, of_rank});
    if (!fault) return;
    // Blames the microbatches if another number of them would do.
    const int most = static_cast<int>(std::min<std::int64_t>(std::int64_t{microbatches} + 4 * ranks, 1 << 30));
    int enough = microbatches;
    while (enough < most && row->fault({ranks, enough, of_rank})) ++enough;
    if (enough < most)
      rule(false, {"parallel.schedule", "batch.microbatches", "parallel.pipeline"}, *fault,
           fmt::format("set for instance batch.microbatches = {}", enough));
    else
      rule(false, {"parallel.schedule", "parallel.pipeline", "batch.microbatches"}, *fault,
           "set another parallel.pipeline or another schedule");
    // Behind a fault of the pipeline the microbatches may have one of their own.
    if (const auto behind = enough < most ? std::nullopt : row->fault({ranks + 1, microbatches, of_rank}))
      rule(false, {"parallel.schedule", "batch.microbatches"},
           fmt::format("{} (with pipeline = {})", *behind, ranks + 1), "set microbatches that fit the new pipeline");
  }

  void schedule_file() {
    const ParallelSpec& p = job_.parallel;
    rule(!places_.written.contains("parallel.schedule"), {"parallel.schedule_file", "parallel.schedule"},
         "the job names both a schedule and a schedule file", "keep one of the two keys");
    rule(p.stages_per_rank == 0, {"parallel.stages_per_rank", "parallel.schedule_file"},
         "the schedule file says which stages a rank holds", "leave stages_per_rank out");
    rule(job_.batch.ramp_tokens == 0 || job_.batch.ramp_start == 1, {"batch.ramp_tokens", "parallel.schedule_file"},
         "the batch grows, but the schedule file is for one number of microbatches", "set batch.ramp_tokens = 0");
    if (p.schedule_text.empty()) return;  // its faults are listed already
    std::vector<TextFault> none;
    const Program program = read_program(p.schedule_text, none)->program;
    rule(std::ssize(program.ranks) == p.pipeline, {"parallel.pipeline", "parallel.schedule_file"},
         fmt::format("the schedule file is for {} pipeline ranks, not {}", program.ranks.size(), p.pipeline),
         fmt::format("set parallel.pipeline = {}", program.ranks.size()));
    rule(program.num_microbatches == job_.batch.microbatches, {"batch.microbatches", "parallel.schedule_file"},
         fmt::format("the schedule file is for {} microbatches, not {}", program.num_microbatches,
                     job_.batch.microbatches),
         fmt::format("set batch.microbatches = {}", program.num_microbatches));
  }

  void batch() {
    const std::int64_t pieces = static_cast<std::int64_t>(job_.parallel.data) * job_.batch.microbatches;
    rule(job_.batch.sequences % pieces == 0, {"batch.sequences", "batch.microbatches", "parallel.data"},
         fmt::format("{} sequences do not divide into {} data ranks x {} microbatches", job_.batch.sequences,
                     job_.parallel.data, job_.batch.microbatches),
         fmt::format("set a multiple of {}", pieces));
    const std::int64_t tokens = job_.batch.sequences / pieces * job_.batch.length;
    rule(tokens <= most_tokens, {"batch.length", "batch.sequences", "batch.microbatches", "parallel.data"},
         fmt::format("a microbatch has {} tokens, too many to count its rows", tokens),
         fmt::format("set sizes that give at most {} tokens", most_tokens));
    const double all = static_cast<double>(job_.run.steps) * job_.batch.sequences * job_.batch.length;
    rule(all <= most_tokens_of_a_run, {"job.steps", "batch.sequences", "batch.length"},
         fmt::format("the run has {:.3g} tokens, too many to count", all),
         fmt::format("set sizes that give at most {:.0e} tokens", most_tokens_of_a_run));
  }

  void ramp() {
    if (job_.batch.ramp_step == 0) return;
    const std::int64_t unit = std::int64_t{job_.parallel.data} * job_.batch.microbatch_sequences(job_.parallel.data);
    if (unit == 0) return;  // another rule's fault
    rule(job_.batch.ramp_step % unit == 0,
         {"batch.ramp_step", "batch.sequences", "batch.microbatches", "parallel.data"},
         fmt::format("ramp_step = {} is not a multiple of the {} sequences that one microbatch of each data rank has",
                     job_.batch.ramp_step, unit),
         fmt::format("set a multiple of {}", unit));
  }

  void optimizer() {
    const OptimizerSpec& o = job_.optimizer;
    rule(o.final_lr <= o.lr, {"optimizer.final_lr", "optimizer.lr"},
         fmt::format("final_lr = {} is above lr = {}", o.final_lr, o.lr), "set it to at most optimizer.lr");
  }

  void link() {
    const LinkSpec& link = job_.cluster.link;
    for (const auto& [key, gb_per_s, none] :
         {std::tuple{"cluster.link.gb_per_s", link.gb_per_s, "for no limit"},
          std::tuple{"cluster.link.network_gb_per_s", link.network_gb_per_s, "for the rate inside a node"}})
      rule(gb_per_s == 0 || gb_per_s >= slowest_link, {key},
           fmt::format("a link of {} GB/s is too slow to emulate", gb_per_s),
           fmt::format("set at least {} (a kilobyte a second), or 0 {}", slowest_link, none));
    for (const auto& [key, latency_us] : {std::pair{"cluster.link.latency_us", link.latency_us},
                                          std::pair{"cluster.link.network_latency_us", link.network_latency_us}})
      rule(latency_us * 1e-6 < job_.cluster.peer_timeout_secs, {key, "cluster.peer_timeout_secs"},
           fmt::format("a message takes {:.3g} s to arrive, but a wait of {:.3g} s ends the job", latency_us * 1e-6,
                       job_.cluster.peer_timeout_secs),
           "set peer_timeout_secs well above the latency");
  }

  void processes() {
    const ClusterSpec& c = job_.cluster;
    const bool process = c.isolation == Isolation::process;
    rule(process || (c.launcher == Launcher::local && c.network == NetworkSpec{}),
         {"cluster.launcher", "cluster.network.interface", "cluster.network.transports", "cluster.isolation"},
         "devices are threads of one process, which needs no launcher and no network",
         "set isolation = \"process\", or leave these keys out");
    rule(c.launcher == Launcher::ssh || c.ssh == SshSpec{}, {"cluster.launcher", "cluster.ssh.user"},
         "[cluster.ssh] has no effect, because agents are not started by ssh",
         "set launcher = \"ssh\", or leave [cluster.ssh] out");
    for (const std::string& setting : c.ssh.environment)
      rule(setting.find('=') != std::string::npos && setting[0] != '=', {"cluster.ssh.environment"},
           fmt::format("\"{}\" does not set a variable", setting), "write NAME=VALUE");
  }

  void cluster() {
    std::int64_t devices = 0;
    Keys keys;
    std::map<std::string, std::string> key_of_host;
    for (std::size_t i = 0; i < job_.cluster.nodes.size(); ++i) {
      const NodeSpec& node = job_.cluster.nodes[i];
      keys.push_back(fmt::format("cluster.node.{}.devices", i));
      devices += std::int64_t{node.devices} * node.count;
      const std::string host_key = fmt::format("cluster.node.{}.host", i);
      const std::string key = places_.written.contains(host_key) ? host_key : keys.back();
      const std::string kind_key = fmt::format("cluster.node.{}.kind", i);
      rule(node.kind == job_.cluster.nodes[0].kind, {kind_key, "cluster.node.0.kind"},
           fmt::format("the job has devices of kind \"{}\" and \"{}\"", job_.cluster.nodes[0].kind, node.kind),
           "use devices of one kind");
      const auto [earlier, is_new] = key_of_host.emplace(node.host, key);
      rule(is_new || node.host == "localhost", {key, earlier->second},
           fmt::format("host \"{}\" is there twice", node.host),
           "write one [[cluster.node]] for each host; only localhost may have several");
    }
    keys.insert(keys.end(), {"parallel.data", "parallel.pipeline"});
    rule(devices == job_.world_size(), keys,
         fmt::format("the nodes have {} devices for {} ranks (pipeline {} x data {})", devices, job_.world_size(),
                     job_.parallel.pipeline, job_.parallel.data),
         fmt::format("set devices that sum to {}", job_.world_size()));
    if (devices == job_.world_size() && job_.parallel.data % job_.parallel.expert == 0) dispatch(keys[0]);
  }

  void dispatch(const std::string& nodes_key) {
    if (job_.parallel.dispatch != Dispatch::two_hop || job_.model.moe_layers() == 0) return;
    const std::string fault = two_hop_fault(job_);
    rule(fault.empty(), {"parallel.dispatch", "parallel.expert", nodes_key},
         fmt::format("rows cannot take two hops between nodes, because {}", fault),
         "set dispatch = \"auto\", or give each expert group equally many devices, two or more, on each of its nodes");
  }

  const Job& job_;
  const KeyPlaces& places_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

void complete(Job& job) {
  if (job.cluster.nodes.empty()) job.cluster.nodes.push_back({"localhost", job.world_size(), "cpu"});
}

std::vector<Diagnostic> validate(const Job& job, const KeyPlaces& places) { return Rules(job, places).check(); }

bool is_valid(const Job& job) {
  const Source no_file("", "");
  return validate(job, {.file = &no_file}).empty();
}

}  // namespace dsrun
