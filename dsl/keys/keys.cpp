// The one list of settings: a row a key, in the order in which files and pages show them.
#include "dsl/keys/keys.hpp"

#include <array>

#include "dsl/presets.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

template <class T>
using JobField = T& (*)(Job&);

#define FIELD(type, member) JobField<type>([](Job& job) -> type& { return job.member; })
#define NODE_FIELD(type, member) static_cast<type& (*)(NodeSpec&)>([](NodeSpec& node) -> type& { return node.member; })

#define WORD_FIELD(member) [](Job& job) -> std::string& { return job.member; }
#define CHOICE(type, member, ...)                                             \
  Choice<Job> {                                                               \
    [](const Job& job) { return static_cast<int>(job.member); },              \
        [](Job& job, int value) { job.member = static_cast<type>(value); }, { \
      __VA_ARGS__                                                             \
    }                                                                         \
  }

Vocabulary<Job> vocabulary() {
  return {[](const Job& job) { return job.model.byte_vocab ? 0 : job.model.vocab_size; },
          [](Job& job, int size) {
            job.model.byte_vocab = size == 0;
            job.model.vocab_size = size == 0 ? 256 : size;
          }};
}

Word<Job> schedule_name() {
  Word<Job> word{WORD_FIELD(parallel.schedule), {}};
  for (const ScheduleRow& row : schedules()) word.names.emplace_back(row.name);
  return word;
}

Selection<Job> recomputed() {
  using Flag = bool& (*)(Job&);
#define FLAG(member) Flag([](Job& job) -> bool& { return job.memory.recompute.member; })
  return {{"full", FLAG(full)}, {{"rms_norm", FLAG(rms_norm)}, {"mla_up", FLAG(mla_up)}, {"swiglu", FLAG(swiglu)}}};
#undef FLAG
}

Word<Job> preset_name() {
  Word<Job> word{WORD_FIELD(model.preset), preset_names()};
  word.names.insert(word.names.begin(), "");
  return word;
}

constexpr double big = 1 << 30;

std::vector<Key<Job>> make_keys() {
  return {
      {"job", "name", FIELD(std::string, run.name), "", "", 1, 100, "", "names the run; its folder is runs/<name>"},
      {"job", "steps", FIELD(std::int64_t, run.steps), "", "", 0, 1e12, "steps",
       "optimizer steps in all; 0: the initial state is evaluated and saved"},
      {"job", "seed", FIELD(std::uint64_t, run.seed), "1", "", 0, 9e18, "", "of initial values and sample order"},
      {"job", "checkpoint_every_steps", FIELD(std::int64_t, run.checkpoint_every_steps), "0", "", 0, 1e12, "steps",
       "0: only at the end and on a signal"},

      {"model", "preset", preset_name(), "\"\"", "", 0, 0, "",
       "\"deepseek-v3\": its published sizes and recipe are the defaults of all tables; those after it keep its shape, "
       "scaled; \"\": small defaults"},
      {"model", "layers", FIELD(int, model.layers), "4", "61", 1, 10000, "layers", "transformer layers"},
      {"model", "dense_layers", FIELD(int, model.dense_layers), "1", "3", 0, 10000, "layers",
       "the first layers, whose feed-forward is dense"},
      {"model", "hidden", FIELD(int, model.hidden), "256", "7168", 1, 1e6, "elements", "width of the hidden state"},
      {"model", "heads", FIELD(int, model.heads), "8", "128", 1, 16384, "heads", "attention heads"},
      {"model", "q_rank", FIELD(int, model.q_rank), "96", "1536", 0, 1e6, "elements",
       "query latent; 0: queries straight from the hidden state"},
      {"model", "kv_rank", FIELD(int, model.kv_rank), "64", "512", 1, 1e6, "elements",
       "key-value latent, the cached part of attention"},
      {"model", "nope_dim", FIELD(int, model.nope_dim), "32", "128", 1, 32768, "elements",
       "columns of a head without position"},
      {"model", "rope_dim", FIELD(int, model.rope_dim), "16", "64", 2, 32768, "elements",
       "rotated columns of a query head and of the shared key head; even"},
      {"model", "value_dim", FIELD(int, model.value_dim), "32", "128", 1, 32768, "elements", "value columns of a head"},
      {"model", "experts", FIELD(int, model.experts), "16", "256", 1, 1e6, "experts", "routed experts of a layer"},
      {"model", "experts_per_token", FIELD(int, model.experts_per_token), "4", "8", 1, 256, "experts",
       "routed experts that a token goes to"},
      {"model", "expert_groups", FIELD(int, model.expert_groups), "4", "8", 1, 1e6, "groups",
       "groups of experts in the router; divide experts"},
      {"model", "groups_per_token", FIELD(int, model.groups_per_token), "2", "4", 1, 1e6, "groups",
       "groups that a token's experts may lie in"},
      {"model", "shared_experts", FIELD(int, model.shared_experts), "1", "1", 0, 1000, "experts",
       "experts that every token goes to"},
      {"model", "expert_hidden", FIELD(int, model.expert_hidden), "128", "2048", 1, 1e6, "elements",
       "inner width of an expert"},
      {"model", "dense_hidden", FIELD(int, model.dense_hidden), "768", "18432", 1, 1e6, "elements",
       "inner width of a dense feed-forward"},
      {"model", "mtp_depth", FIELD(int, model.mtp_depth), "0", "1", 0, 16, "modules",
       "multi-token prediction: blocks after the last layer, in the last stage; DeepSeek-V3 trained with 1"},
      {"model", "routed_scaling", FIELD(double, model.routed_scaling), "2.5", "2.5", 1e-6, 1e6, "",
       "factor of the normalised gates"},
      {"model", "norm_eps", FIELD(double, model.norm_eps), "1e-6", "1e-6", 0, 1, "", "added inside RMSNorm's root"},
      {"model", "latent_norm_eps", FIELD(double, model.latent_norm_eps), "1e-6", "1e-6", 0, 1, "",
       "the same for the norms of the query and key-value latents; transformers always has 1e-6 there"},
      {"model", "rope_theta", FIELD(double, model.rope_theta), "10000.0", "10000.0", 1, 1e12, "", "base of RoPE"},
      {"model", "yarn_factor", FIELD(double, model.yarn.factor), "1.0", "1.0", 1, 1e6, "",
       "YaRN: how many times longer the context becomes; 1: plain RoPE"},
      {"model", "yarn_original_length", FIELD(double, model.yarn.original_length), "4096.0", "4096.0", 1, 1e9, "tokens",
       "YaRN: the context's length before"},
      {"model", "yarn_beta_fast", FIELD(double, model.yarn.beta_fast), "32.0", "32.0", 1e-3, 1e6, "turns",
       "YaRN: pairs that turn more often within the original length stay as they are"},
      {"model", "yarn_beta_slow", FIELD(double, model.yarn.beta_slow), "1.0", "1.0", 1e-3, 1e6, "turns",
       "YaRN: pairs that turn less often are slowed down by the factor"},
      {"model", "yarn_mscale", FIELD(double, model.yarn.mscale), "1.0", "1.0", 0, 1000, "",
       "YaRN: magnitude of cosines and sines, over yarn_mscale_all_dim's; 0: not set"},
      {"model", "yarn_mscale_all_dim", FIELD(double, model.yarn.mscale_all_dim), "1.0", "1.0", 0, 1000, "",
       "YaRN: magnitude that scales attention's logits, squared; 0: not set"},
      {"model", "init_std", FIELD(double, model.init_std), "0.02", "0.006", 0, 10, "",
       "standard deviation of initial matrices"},
      {"model", "init_from", FIELD(std::string, model.init_from), "\"\"", "\"\"", 0, 4096, "",
       "folder with DeepSeek-V3 weights in Hugging Face's form to start from, relative to the job file; \"\": random"},
      {"model", "vocab", vocabulary(), "\"byte\"", "129280", 2, 1e9, "tokens",
       "\"byte\": 256 tokens, each a byte of the text; or a number of tokens, at least those of the token files"},

      {"parallel", "pipeline", FIELD(int, parallel.pipeline), "1", "", 1, 4096, "ranks", "pipeline ranks"},
      {"parallel", "data", FIELD(int, parallel.data), "1", "", 1, 65536, "ranks", "data-parallel ranks"},
      {"parallel", "expert", FIELD(int, parallel.expert), "1", "", 1, 65536, "ranks",
       "ranks that share a layer's experts; divides data and experts"},
      {"parallel", "schedule", schedule_name(), "\"1f1b\"", "", 0, 0, "",
       "order of a step's forwards and backwards over the pipeline"},
      {"parallel", "stages_per_rank", FIELD(int, parallel.stages_per_rank), "0", "", 0, most_stages_per_rank, "stages",
       "pipeline stages that a rank holds, where the schedule leaves that open (interleaved); 0: the schedule's own, 2 "
       "for interleaved"},
      {"parallel", "schedule_file", FIELD(std::string, parallel.schedule_file), "\"\"", "", 0, 4096, "",
       "a schedule of your own instead of `schedule`, relative to the job file, as `dsrun plan FILE --program-file` "
       "prints one (docs/schedules.md); \"\": none"},
      {"parallel", "dispatch", CHOICE(Dispatch, parallel.dispatch, "auto", "direct", "two_hop"), "\"auto\"", "", 0, 0,
       "",
       "how a token's row reaches its experts: straight to every device that has one; or once to each node, to the "
       "device with the sender's place there, which passes it on inside the node (arXiv 2412.19437, section 3.2.2); "
       "\"auto\": \"two_hop\" where expert groups have several devices on each of several nodes"},
      {"parallel", "overlap", FIELD(bool, parallel.overlap), "true", "", 0, 0, "",
       "F&B instructions interleave their two op lists"},
      {"parallel", "layers_per_stage", FIELD(std::vector<int>, parallel.layers_per_stage), "[]", "", 1, 10000, "layers",
       "one entry a pipeline stage, summing to model.layers; []: balanced by cost, embedding, head and prediction "
       "modules included"},

      {"batch", "sequences", FIELD(int, batch.sequences), "16", "", 1, big, "sequences", "of a step, over all ranks"},
      {"batch", "length", FIELD(int, batch.length), "256", "", 1, 1e6, "tokens", "tokens that a sequence predicts"},
      {"batch", "microbatches", FIELD(int, batch.microbatches), "1", "", 1, big, "microbatches",
       "of a data rank and step, both directions of DualPipe together"},
      {"batch", "ramp_start", FIELD(double, batch.ramp_start), "1.0", "0.2", 1e-6, 1, "",
       "the first step's share of `sequences`, as near as microbatches and schedule allow; grows to 1"},
      {"batch", "ramp_tokens", FIELD(double, batch.ramp_tokens), "0.0", "4.69e11", 0, 1e18, "tokens",
       "over which the batch grows; 0: whole from the first step"},
      {"batch", "ramp_step", FIELD(int, batch.ramp_step), "0", "", 0, big, "sequences",
       "by which the batch grows, so that it grows alike on every mesh; 0: by one microbatch of each data rank"},

      {"data", "files", FIELD(std::vector<std::string>, data.files), "[]", "", 1, 4096, "",
       "text files, or token files that `dsrun tokenize` wrote, as globs relative to the job file; needed to train"},
      {"data", "tokenizer", FIELD(std::string, data.tokenizer), "\"\"", "", 0, 4096, "",
       "tokenizer.json of the token files, relative to the job file: checked against them, used by fim_rate, eval and "
       "generate"},
      {"data", "packing", CHOICE(PackingKind, data.packing, "stream", "best_fit"), "\"stream\"", "\"best_fit\"", 0, 0,
       "",
       "\"stream\": documents follow each other, and sequences are cut from them; \"best_fit\": a document is cut only "
       "if longer than a sequence, and sequences that it leaves room in are filled by others (arXiv 2404.10830)"},
      {"data", "fim_rate", FIELD(double, data.fim_rate), "0.0", "0.1", 0, 1, "",
       "share of the training documents told as prefix, suffix, middle (arXiv 2207.14255)"},
      {"data", "fim_tokens", FIELD(std::vector<std::string>, data.fim_tokens),
       "[\"<｜fim▁begin｜>\", \"<｜fim▁hole｜>\", \"<｜fim▁end｜>\"]", "", 1, 256, "",
       "the three tokens before prefix, suffix and middle, by their names in data.tokenizer"},
      {"data", "validation_fraction", FIELD(double, data.validation_fraction), "0.05", "", 0, 0.9, "",
       "the contiguous last part of the text, evaluated whole"},
      {"data", "validate_every_steps", FIELD(std::int64_t, data.validate_every_steps), "100", "", 0, 1e12, "steps",
       "0: only after the last step"},

      {"optimizer", "kind", Word<Job>{WORD_FIELD(optimizer.kind), {"adamw"}}, "\"adamw\"", "", 0, 0, "",
       "the update rule"},
      {"optimizer", "lr", FIELD(double, optimizer.lr), "1e-3", "2.2e-4", 0, 100, "", "highest learning rate"},
      {"optimizer", "final_lr", FIELD(double, optimizer.final_lr), "0.0", "2.2e-5", 0, 100, "",
       "learning rate at the end of the cosine"},
      {"optimizer", "warmup_steps", FIELD(std::int64_t, optimizer.warmup_steps), "0", "2000", 0, 1e12, "steps",
       "linear rise to lr"},
      {"optimizer", "constant_tokens", FIELD(double, optimizer.constant_tokens), "0.0", "1e13", 0, 1e18, "tokens",
       "lr holds until so many tokens were seen, warm-up included"},
      {"optimizer", "decay_tokens", FIELD(double, optimizer.decay_tokens), "0.0", "4.3e12", 0, 1e18, "tokens",
       "length of the cosine from lr to final_lr; 0: to the last step"},
      {"optimizer", "final_tokens", FIELD(double, optimizer.final_tokens), "0.0", "3.33e11", 0, 1e18, "tokens",
       "how long final_lr holds after the cosine; 0: to the last step"},
      {"optimizer", "last_lr", FIELD(double, optimizer.last_lr), "0.0", "7.3e-6", 0, 100, "",
       "learning rate after final_tokens"},
      {"optimizer", "phase_tokens", FIELD(double, optimizer.phase_tokens), "0.0", "", 0, 1e18, "tokens",
       "the run for which all phases are told in tokens, here and in batch and balance: they stretch from it to the "
       "job's own length; 0: they stand as told"},
      {"optimizer", "beta1", FIELD(double, optimizer.beta1), "0.9", "", 0, 0.999999, "", "decay of the first moment"},
      {"optimizer", "beta2", FIELD(double, optimizer.beta2), "0.95", "", 0, 0.999999, "", "decay of the second moment"},
      {"optimizer", "eps", FIELD(double, optimizer.eps), "1e-8", "", 1e-30, 1, "", "added to the second moment's root"},
      {"optimizer", "weight_decay", FIELD(double, optimizer.weight_decay), "0.1", "", 0, 10, "", "of matrices only"},
      {"optimizer", "clip_norm", FIELD(double, optimizer.clip_norm), "1.0", "", 0, 1e9, "",
       "largest global gradient norm; 0: none"},
      {"optimizer", "moments", CHOICE(Moments, optimizer.moments, "fp32", "bf16"), "\"fp32\"", "\"bf16\"", 0, 0, "",
       "type of the stored moments"},
      {"optimizer", "ema_decay", FIELD(double, optimizer.ema_decay), "0.0", "", 0, 0.9999999, "",
       "decay a step of a moving average of the weights, kept beside them for eval, generate and export --ema; smaller "
       "in the first steps; 0: none"},
      {"optimizer", "mtp_lambda", FIELD(double, optimizer.mtp_lambda), "0.3", "", 0, 1000, "",
       "weight of multi-token prediction: the loss is the main one + this x the mean of the modules' losses"},
      {"optimizer", "mtp_lambda_late", FIELD(double, optimizer.mtp_lambda_late), "0.1", "", 0, 1000, "",
       "the same once mtp_lambda_until_tokens were predicted"},
      {"optimizer", "mtp_lambda_until_tokens", FIELD(double, optimizer.mtp_lambda_until_tokens), "1e13", "", 0, 1e18,
       "tokens", "how long mtp_lambda holds"},

      {"balance", "bias_speed", FIELD(double, balance.bias_speed), "1e-3", "", 0, 10, "",
       "gamma of bias-based balancing; 0 leaves the biases alone"},
      {"balance", "bias_speed_late", FIELD(double, balance.bias_speed_late), "0.0", "", 0, 10, "",
       "the same once bias_speed_until_tokens were seen"},
      {"balance", "bias_speed_until_tokens", FIELD(double, balance.bias_speed_until_tokens), "1.43e13", "", 0, 1e18,
       "tokens", "how long bias_speed holds"},
      {"balance", "sequence_alpha", FIELD(double, balance.sequence_alpha), "0.0", "1e-4", 0, 1000, "",
       "weight of the sequence-wise balance loss; 0: none"},
      {"balance", "sequence_scores", CHOICE(ScoresCounted, balance.sequence_scores, "unbiased", "biased"),
       "\"unbiased\"", "", 0, 0, "",
       "whose choice of experts that loss counts: of the scores, as the paper has it, or of scores with their biases"},
      {"balance", "load_factor", FIELD(double, balance.load_factor), "1.5", "", 1, 1000, "",
       "routed rows that memory is planned for, over the mean; no token is dropped beyond it"},

      {"memory", "recompute", recomputed(), "[]", "", 0, 0, "",
       "what backward makes again instead of keeping it: outputs of RMSNorms, MLA's up-projections, outputs of "
       "SwiGLUs, "
       "as in arXiv 2412.19437, section 3.2.3; \"full\": all but each layer's input and its routing; numbers stay the "
       "same"},

      {"precision", "compute", CHOICE(Precision, precision.compute, "fp64", "fp32", "bf16"), "\"fp32\"", "", 0, 0, "",
       "arithmetic of activations and weights; master weights are fp32 (fp64 under \"fp64\", which is for tests)"},
      {"precision", "products", CHOICE(Products, precision.products, "compute", "fp8"), "\"compute\"", "", 0, 0, "",
       "of linears and experts, and the rows sent to experts; \"fp8\" can be planned for, not run yet"},
      {"precision", "saved", CHOICE(Products, precision.saved, "compute", "fp8"), "\"compute\"", "", 0, 0, "",
       "what backward needs of the inputs of linears and activations is kept in; \"fp8\" can be planned for, not run "
       "yet"},

      {"cluster", "threads_per_device", FIELD(int, cluster.threads_per_device), "1", "", 1, 1024, "threads",
       "threads of one device's matrix products"},
      {"cluster", "pin_cores", FIELD(bool, cluster.pin_cores), "false", "", 0, 0, "",
       "keep device i on core i mod cores"},
      {"cluster", "peer_timeout_secs", FIELD(double, cluster.peer_timeout_secs), "60.0", "", 0.1, 1e6, "seconds",
       "a wait on a peer longer than this ends the job, naming who waited for what"},
      {"cluster", "isolation", CHOICE(Isolation, cluster.isolation, "thread", "process"), "\"thread\"", "", 0, 0, "",
       "where devices live: threads of one process, or a process each under an agent of its host; losses are the same"},
      {"cluster", "launcher", CHOICE(Launcher, cluster.launcher, "local", "ssh", "wait"), "\"local\"", "", 0, 0, "",
       "of processes: who starts a host's agent: dsrun here, dsrun by ssh, or somebody else by `dsrun agent`"},
      {"cluster", "start_timeout_secs", FIELD(double, cluster.start_timeout_secs), "12.0", "", 1, 1e6, "seconds",
       "of processes: a launch whose agents or devices are not there by then is given up"},
      {"cluster", "freeze_timeout_secs", FIELD(double, cluster.freeze_timeout_secs), "4.0", "", 0.5, 1e6, "seconds",
       "of processes: one that is silent for longer counts as lost; stretched where devices share cores"},

      {"cluster.network", "interface", FIELD(std::string, cluster.network.interface), "\"\"", "", 0, 15, "",
       "network interface that processes use for control and data, such as \"eth0\"; nothing listens on another; "
       "\"\": the loopback, where all hosts are this one; else the one that leads to the launcher, and InfiniBand"},
      {"cluster.network", "transports", FIELD(std::string, cluster.network.transports), "\"\"", "", 0, 200, "",
       "UCX transports, such as \"tcp,self\" or \"posix,cma,self\"; \"\": the fastest that reach"},

      {"cluster.ssh", "user", FIELD(std::string, cluster.ssh.user), "\"\"", "", 0, 100, "", "on the hosts"},
      {"cluster.ssh", "port", FIELD(int, cluster.ssh.port), "0", "", 0, 65535, "", "of their ssh server"},
      {"cluster.ssh", "identity", FIELD(std::string, cluster.ssh.identity), "\"\"", "", 0, 4096, "",
       "file of the private key"},
      {"cluster.ssh", "known_hosts", FIELD(std::string, cluster.ssh.known_hosts), "\"\"", "", 0, 4096, "",
       "file of the hosts' keys; a host whose key is not in it is refused"},
      {"cluster.ssh", "program", FIELD(std::string, cluster.ssh.program), "\"\"", "", 0, 4096, "",
       "path of dsrun on the hosts; \"\": as here"},
      {"cluster.ssh", "environment", FIELD(std::vector<std::string>, cluster.ssh.environment), "[]", "", 0, 0, "",
       "NAME=VALUE for agents and devices"},

      {"cluster.link", "latency_us", FIELD(double, cluster.link.latency_us), "0.0", "", 0, 1e9, "microseconds",
       "from a message's leaving to its arrival"},
      {"cluster.link", "gb_per_s", FIELD(double, cluster.link.gb_per_s), "0.0", "", 0, 1e6, "10^9 bytes/s",
       "that a device can send, to all others of its node together; 0: no limit"},
      {"cluster.link", "network_latency_us", FIELD(double, cluster.link.network_latency_us), "0.0", "", 0, 1e9,
       "microseconds", "latency_us between nodes; 0: as inside a node"},
      {"cluster.link", "network_gb_per_s", FIELD(double, cluster.link.network_gb_per_s), "0.0", "", 0, 1e6,
       "10^9 bytes/s", "that a device can send to devices of other nodes together; 0: as inside a node"},
  };
}

constexpr std::array<TableHelp, 14> tables = {{
    {"job", "the run"},
    {"model", "sizes of the model, in DeepSeek-V3's terms (arXiv 2412.19437)"},
    {"parallel", "how ranks share the work: world = pipeline x data"},
    {"batch", "a step's work"},
    {"data", "the text"},
    {"optimizer", "AdamW; linear warm-up, constant, cosine, constant, constant"},
    {"balance", "load of the experts, without auxiliary loss (arXiv 2408.15664)"},
    {"memory", "what is kept, and what is made again"},
    {"precision", "number types"},
    {"cluster", "where it runs"},
    {"cluster.link",
     "wires to emulate between devices of one host, so that a laptop shows what a network does to a job: a message "
     "to another device leaves once those before it have left, takes its bytes over gb_per_s to do so, and arrives "
     "latency_us later; a device has one way out to its own node and one to the others; without the table messages "
     "arrive at once"},
    {"cluster.network", "what processes talk over; [cluster] isolation = \"process\""},
    {"cluster.ssh",
     "how [cluster] launcher = \"ssh\" reaches hosts; what is \"\" or 0 is left to ssh and its own files"},
    {"cluster.node",
     "one entry a host, or several for localhost, which then stands for as many nodes; none: one localhost with as "
     "many devices as ranks"},
}};

}  // namespace

const std::vector<Key<Job>>& job_keys() {
  static const std::vector<Key<Job>> keys = make_keys();
  return keys;
}

const std::vector<Key<NodeSpec>>& node_keys() {
  static const std::vector<Key<NodeSpec>> keys = {
      {"cluster.node", "host", NODE_FIELD(std::string, host), "\"localhost\"", "", 1, 255, "",
       "\"localhost\", or where [cluster] launcher starts an agent"},
      {"cluster.node", "devices", NODE_FIELD(int, devices), "", "", 1, 65536, "devices", "devices of this host"},
      {"cluster.node", "kind",
       Word<NodeSpec>{[](NodeSpec& node) -> std::string& { return node.kind; }, {"cpu", "h800", "h100", "h200"}},
       "\"cpu\"", "", 0, 0, "", "what its devices are; all but \"cpu\" can be planned for, not run yet"},
      {"cluster.node", "count", NODE_FIELD(int, count), "1", "", 1, 65536, "nodes",
       "so many nodes alike, named host-0, host-1, …"},
      {"cluster.node", "local_gb_per_s", NODE_FIELD(double, local_gb_per_s), "0.0", "", 0, 1e6, "GB/s",
       "a device's port to the others of its host, each way, as the plan takes it; 0: the kind's own"},
      {"cluster.node", "network_gb_per_s", NODE_FIELD(double, network_gb_per_s), "0.0", "", 0, 1e6, "GB/s",
       "a device's share of the network, each way, as the plan takes it; 0: the kind's own"},
  };
  return keys;
}

std::span<const TableHelp> job_tables() { return tables; }

namespace {

std::string any_of(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "\"" : " or \"") + name + "\"";
  return all;
}

template <class Owner>
struct TypeName {
  std::string operator()(int& (*)(Owner&)) const { return "integer"; }
  std::string operator()(std::int64_t& (*)(Owner&)) const { return "integer"; }
  std::string operator()(std::uint64_t& (*)(Owner&)) const { return "integer"; }
  std::string operator()(double& (*)(Owner&)) const { return "number"; }
  std::string operator()(bool& (*)(Owner&)) const { return "boolean"; }
  std::string operator()(std::string& (*)(Owner&)) const { return "string"; }
  std::string operator()(std::vector<int>& (*)(Owner&)) const { return "array of integers"; }
  std::string operator()(std::vector<std::string>& (*)(Owner&)) const { return "array of strings"; }
  std::string operator()(const Word<Owner>& word) const { return any_of(word.names); }
  std::string operator()(const Choice<Owner>& choice) const { return any_of(choice.names); }
  std::string operator()(const Vocabulary<Owner>&) const { return "\"byte\" or integer"; }
  std::string operator()(const Selection<Owner>& selection) const {
    return any_of({selection.everything.name}) + " or array of " + any_of(selection.names());
  }
};

template <class Owner>
struct HasRange {
  template <class Number>
  bool operator()(Number& (*)(Owner&)) const {
    return std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>;
  }
  bool operator()(std::vector<int>& (*)(Owner&)) const { return true; }
  bool operator()(const Word<Owner>&) const { return false; }
  bool operator()(const Choice<Owner>&) const { return false; }
  bool operator()(const Vocabulary<Owner>&) const { return true; }
  bool operator()(const Selection<Owner>&) const { return false; }
};

}  // namespace

template <class Owner>
std::vector<std::string> Selection<Owner>::names() const {
  std::vector<std::string> all;
  for (const Item& item : items) all.push_back(item.name);
  return all;
}
template struct Selection<Job>;
template struct Selection<NodeSpec>;

template <class Owner>
std::string type_name(const Field<Owner>& field) {
  return std::visit(TypeName<Owner>{}, field);
}

template <class Owner>
bool has_range(const Key<Owner>& key) {
  return std::visit(HasRange<Owner>{}, key.field);
}

template std::string type_name<Job>(const Field<Job>&);
template std::string type_name<NodeSpec>(const Field<NodeSpec>&);
template bool has_range<Job>(const Key<Job>&);
template bool has_range<NodeSpec>(const Key<NodeSpec>&);

}  // namespace dsrun
