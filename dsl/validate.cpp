#include "dsl/validate.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "dsl/suggest.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

class Rules {
 public:
  Rules(const Job& job, const KeyPlaces& places) : job_(job), places_(places) {}

  std::vector<Diagnostic> check() {
    model();
    parallel();
    batch();
    optimizer();
    cluster();
    return std::move(faults_);
  }

 private:
  using Keys = std::vector<std::string>;

  // Unless `holds`: a fault at the first written key, pointing at the second as well. Defaults are named as such.
  void rule(bool holds, const Keys& keys, const std::string& message, const std::string& help) {
    if (holds || usable(keys) == false) return;
    Diagnostic fault;
    fault.place = {places_.file, 0, 0, keys[0], ""};
    fault.message = message;
    fault.help = help;
    bool placed = false;
    for (const std::string& key : keys) {
      const auto found = places_.written.find(key);
      if (found == places_.written.end()) {
        fault.message += fmt::format(" ({} has its default)", key);
      } else if (!placed) {
        fault.place = found->second;
        placed = true;
      } else if (!fault.other) {
        fault.other = found->second;
      }
    }
    faults_.push_back(std::move(fault));
  }
  bool usable(const Keys& keys) const {
    return std::none_of(keys.begin(), keys.end(), [&](const std::string& key) { return places_.faulty.contains(key); });
  }

  void divides(int divisor, const std::string& divisor_key, int number, const std::string& number_key) {
    rule(number % divisor == 0, {divisor_key, number_key},
         fmt::format("{} = {} does not divide {} = {}", divisor_key, divisor, number_key, number),
         fmt::format("make {} a multiple of {}", number_key, divisor_key));
  }

  void model() {
    const ModelSpec& m = job_.model;
    rule(m.preset.empty() || m.preset == "deepseek-v3", {"model.preset"},
         fmt::format("there is no preset \"{}\"", m.preset), "\"deepseek-v3\", or leave the key out");
    rule(m.mtp_depth == 0, {"model.mtp_depth"}, "multi-token prediction is not built yet", "mtp_depth = 0");
    rule(m.dense_layers <= m.layers, {"model.dense_layers", "model.layers"},
         fmt::format("{} dense layers of {} layers", m.dense_layers, m.layers), "at most model.layers");
    rule(m.rope_dim % 2 == 0, {"model.rope_dim"},
         fmt::format("rope_dim = {} is odd: columns rotate in pairs", m.rope_dim), "an even number");
    divides(m.expert_groups, "model.expert_groups", m.experts, "model.experts");
    rule(m.groups_per_token <= m.expert_groups, {"model.groups_per_token", "model.expert_groups"},
         fmt::format("a token's experts lie in {} groups, but there are {}", m.groups_per_token, m.expert_groups),
         "at most model.expert_groups");
    const int reachable = m.experts / m.expert_groups * m.groups_per_token;
    rule(m.experts_per_token <= reachable,
         {"model.experts_per_token", "model.groups_per_token", "model.experts", "model.expert_groups"},
         fmt::format("a token goes to {} experts, but its {} groups hold only {}", m.experts_per_token,
                     m.groups_per_token, reachable),
         "fewer experts_per_token or more groups_per_token");
  }

  void parallel() {
    const ParallelSpec& p = job_.parallel;
    divides(p.expert, "parallel.expert", p.data, "parallel.data");
    if (job_.model.dense_layers < job_.model.layers)
      divides(p.expert, "parallel.expert", job_.model.experts, "model.experts");
    rule(job_.model.layers >= p.pipeline, {"parallel.pipeline", "model.layers"},
         fmt::format("{} pipeline stages of {} layers: a stage would be empty", p.pipeline, job_.model.layers),
         "at most as many pipeline ranks as layers");
    stages();
    schedule();
  }

  void stages() {
    const ParallelSpec& p = job_.parallel;
    if (!places_.written.contains("parallel.layers_per_stage")) return;
    const int sum = std::accumulate(p.layers_per_stage.begin(), p.layers_per_stage.end(), 0);
    rule(static_cast<int>(p.layers_per_stage.size()) == p.pipeline, {"parallel.layers_per_stage", "parallel.pipeline"},
         fmt::format("{} entries for {} pipeline stages", p.layers_per_stage.size(), p.pipeline), "one entry a stage");
    rule(sum == job_.model.layers, {"parallel.layers_per_stage", "model.layers"},
         fmt::format("the stages have {} layers, the model {}", sum, job_.model.layers),
         fmt::format("entries that sum to {}", job_.model.layers));
  }

  void schedule() {
    const ParallelSpec& p = job_.parallel;
    const ScheduleRow* row = find_schedule(p.schedule);
    std::vector<std::string> names;
    std::string list;
    for (const ScheduleRow& each : schedules()) {
      names.emplace_back(each.name);
      list += (list.empty() ? "\"" : ", \"") + std::string(each.name) + "\"";
    }
    const std::string near = nearest(p.schedule, names);
    rule(row != nullptr, {"parallel.schedule"}, fmt::format("there is no schedule \"{}\"", p.schedule),
         near.empty() ? "one of " + list : fmt::format("did you mean \"{}\"? There are {}", near, list));
    if (row == nullptr) return;
    const std::optional<std::string> fault = row->fault(p.pipeline, job_.batch.microbatches);
    const bool of_pipeline =
        places_.written.contains("parallel.pipeline") || !places_.written.contains("batch.microbatches");
    rule(!fault,
         {"parallel.schedule", of_pipeline ? "parallel.pipeline" : "batch.microbatches",
          of_pipeline ? "batch.microbatches" : "parallel.pipeline"},
         fault.value_or(""),
         fmt::format("change parallel.pipeline ({}) or batch.microbatches ({}), or the schedule", p.pipeline,
                     job_.batch.microbatches));
  }

  void batch() {
    const std::int64_t pieces = static_cast<std::int64_t>(job_.parallel.data) * job_.batch.microbatches;
    rule(job_.batch.sequences % pieces == 0, {"batch.sequences", "batch.microbatches", "parallel.data"},
         fmt::format("{} sequences do not divide into {} data ranks x {} microbatches", job_.batch.sequences,
                     job_.parallel.data, job_.batch.microbatches),
         fmt::format("a multiple of {}", pieces));
  }

  void optimizer() {
    const OptimizerSpec& o = job_.optimizer;
    rule(o.kind == "adamw", {"optimizer.kind"}, fmt::format("there is no optimizer \"{}\"", o.kind), "\"adamw\"");
    rule(o.final_lr <= o.lr, {"optimizer.final_lr", "optimizer.lr"},
         fmt::format("the last learning rate {} is above the highest, {}", o.final_lr, o.lr), "at most optimizer.lr");
    const bool name_fits = job_.run.name.find('/') == std::string::npos && job_.run.name[0] != '.';
    rule(name_fits, {"job.name"}, fmt::format("\"{}\" cannot name a folder", job_.run.name),
         "no slash, and no dot at the start");
  }

  void cluster() {
    int devices = 0;
    std::string first = "cluster.node.0.devices";
    std::vector<std::string> hosts;
    for (std::size_t i = 0; i < job_.cluster.nodes.size(); ++i) {
      const NodeSpec& node = job_.cluster.nodes[i];
      const std::string key = fmt::format("cluster.node.{}.", i);
      devices += node.devices;
      rule(node.kind == "cpu", {key + "kind"}, fmt::format("there is no device kind \"{}\" here", node.kind),
           "\"cpu\"");
      rule(node.host == "localhost", {key + "host"},
           fmt::format("host \"{}\": jobs on other hosts are not built yet", node.host), "\"localhost\"");
      rule(std::find(hosts.begin(), hosts.end(), node.host) == hosts.end(), {key + "host"},
           fmt::format("host \"{}\" is there twice", node.host), "one [[cluster.node]] a host");
      hosts.push_back(node.host);
    }
    rule(devices == job_.world_size(), {first, "parallel.data", "parallel.pipeline"},
         fmt::format("{} devices for {} ranks (pipeline {} x data {})", devices, job_.world_size(),
                     job_.parallel.pipeline, job_.parallel.data),
         fmt::format("devices that sum to {}", job_.world_size()));
  }

  const Job& job_;
  const KeyPlaces& places_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

void complete(Job& job) {
  ParallelSpec& p = job.parallel;
  if (p.layers_per_stage.empty())
    for (int stage = 0; stage < p.pipeline; ++stage)
      p.layers_per_stage.push_back(job.model.layers / p.pipeline + (stage < job.model.layers % p.pipeline ? 1 : 0));
  if (job.cluster.nodes.empty()) job.cluster.nodes.push_back({"localhost", job.world_size(), "cpu"});
}

std::vector<Diagnostic> validate(const Job& job, const KeyPlaces& places) { return Rules(job, places).check(); }

}  // namespace dsrun
