// Job: one immutable, fully validated description of a run. Nothing downstream re-derives or defaults anything.
//
// Made by dsl/parse.hpp from a TOML file and `--set` overrides. Every field here has exactly one declaration in
// dsl/keys/keys.cpp (type, unit, range, default, help); to add a setting, add a field here and a declaration there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

enum class Precision : std::uint8_t { fp64, fp32, bf16 };  // arithmetic of activations and weights
enum class Products : std::uint8_t { compute, fp8 };       // fp8: with 1 × 128 and 128 × 128 scales; planned for only

// [job]
struct RunSpec {
  std::string name;
  std::int64_t steps = 0;                   // optimizer steps in all
  std::uint64_t seed = 0;                   // of initial values and sample order
  std::int64_t checkpoint_every_steps = 0;  // 0: only at the end and on a signal
  bool operator==(const RunSpec&) const = default;
};

// YaRN's longer context (arXiv 2309.00071) with DeepSeek-V3's values: the yarn_* keys of [model].
struct YarnSpec {
  double factor = 1;              // of the context's length; 1: plain RoPE, and nothing below counts
  double original_length = 4096;  // tokens, before
  double beta_fast = 32;          // turns within original_length: pairs that make more keep their frequency,
  double beta_slow = 1;           // those that make fewer have it divided by the factor
  double mscale = 1;              // of cosines and sines; 0: not set
  double mscale_all_dim = 1;      // of the softmax scale; 0: not set
  bool on() const { return factor > 1; }
  bool operator==(const YarnSpec&) const = default;
};

// [model]: DeepSeek-V3's shape (arXiv 2412.19437, section 2); dims in elements.
struct ModelSpec {
  std::string preset;  // "deepseek-v3": its sizes are the defaults of the keys below; "" : the small defaults
  int layers = 0;
  int dense_layers = 0;  // the first layers, whose feed-forward is dense
  int hidden = 0;
  int heads = 0;
  int q_rank = 0;  // 0: queries are projected straight from the hidden state
  int kv_rank = 0;
  int nope_dim = 0;  // per head
  int rope_dim = 0;  // per head of queries; one shared head of keys; even
  int value_dim = 0;
  int experts = 0;
  int experts_per_token = 0;
  int expert_groups = 0;
  int groups_per_token = 0;
  int shared_experts = 0;
  int expert_hidden = 0;
  int dense_hidden = 0;
  int mtp_depth = 0;          // multi-token prediction modules
  double routed_scaling = 0;  // multiplies the normalised gates
  double norm_eps = 0;
  double latent_norm_eps = 1e-6;  // of the norms of MLA's latents
  double rope_theta = 0;
  YarnSpec yarn;
  double init_std = 0;
  std::string init_from{};  // a folder with weights in Hugging Face's form, absolute once launched; "": random ones
  bool byte_vocab = true;   // vocab = "byte": 256 tokens, each a byte of the text
  int vocab_size = 0;
  // Prediction modules follow the layers, each a block with experts.
  int moe_layers() const { return layers - dense_layers + mtp_depth; }
  bool operator==(const ModelSpec&) const = default;
};

// How a token's row reaches its experts: straight to every device that has one, or through one device of each node.
enum class Dispatch : std::uint8_t { automatic, direct, two_hop };

// [parallel]
struct ParallelSpec {
  int pipeline = 1;
  int data = 1;
  int expert = 1;                           // ranks an expert group has; divides data
  std::string schedule;                     // a name of runtime/schedule's table; "file": schedule_file's
  int stages_per_rank = 0;                  // 0: the schedule's own
  std::string schedule_file{};              // relative to the job file's folder, absolute once launched; "": none
  std::string schedule_text{};              // of that file, which may change or vanish; not a key
  Dispatch dispatch = Dispatch::automatic;  // dsl/two_hop.hpp
  bool overlap = true;  // F&B instructions interleave their two op lists; false: one after the other
  std::vector<int>
      layers_per_stage;  // one entry a stage, summing to model.layers; empty: cluster/layout/stage_balance.hpp
  bool from_file() const { return !schedule_file.empty(); }
  bool operator==(const ParallelSpec&) const = default;
};

// [batch]
struct BatchSpec {
  int sequences = 0;     // global, per step
  int length = 0;        // tokens a sequence predicts
  int microbatches = 0;  // per data rank and step, both directions of DualPipe together
  // The batch grows from ramp_start of its sequences over the first ramp_tokens; by microbatches, or ramp_step
  // sequences.
  double ramp_start = 0;
  double ramp_tokens = 0;
  int ramp_step = 0;
  int microbatch_sequences(int data) const {
    return static_cast<int>(sequences / (static_cast<std::int64_t>(data) * microbatches));
  }
  bool operator==(const BatchSpec&) const = default;
};

// How documents become sequences: cut from one stream, or put whole into sequences that they fit best, with padding.
enum class PackingKind : std::uint8_t { stream, best_fit };

// [data]
struct DataSpec {
  std::vector<std::string> files;  // globs, relative to the job file's folder
  std::string tokenizer{};         // tokenizer.json, absolute once launched; "": each byte is a token
  PackingKind packing = PackingKind::stream;
  double fim_rate = 0;                    // documents told as prefix, suffix, middle (arXiv 2207.14255)
  std::vector<std::string> fim_tokens{};  // begin, hole, end: names in the tokenizer
  double validation_fraction = 0;         // the contiguous last part of the text
  std::int64_t validate_every_steps = 0;  // 0: only after the last step
  bool operator==(const DataSpec&) const = default;
};

enum class Moments : std::uint8_t { fp32, bf16 };

// [optimizer]: AdamW; the learning rate's phases are models/recipe.hpp's.
struct OptimizerSpec {
  std::string kind;
  double lr = 0;
  double final_lr = 0;
  std::int64_t warmup_steps = 0;
  double constant_tokens = 0;
  double decay_tokens = 0;  // 0: to the last step
  double final_tokens = 0;  // 0: to the last step
  double last_lr = 0;
  double phase_tokens = 0;  // 0: token counts of phases stand as they are; else they stretch from this run to the job's
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weight_decay = 0;  // on matrices only
  double clip_norm = 0;     // 0: no clipping
  // Weight of the prediction modules' mean loss: mtp_lambda, and mtp_lambda_late once so many tokens were predicted.
  double mtp_lambda = 0;
  double mtp_lambda_late = 0;
  double mtp_lambda_until_tokens = 0;
  Moments moments = Moments::fp32;
  double ema_decay = 0;  // 0: no average of the weights
  bool operator==(const OptimizerSpec&) const = default;
};

// Whose choice of experts the sequence-wise balance loss counts: of the scores, or of the scores with their biases.
enum class ScoresCounted : std::uint8_t { unbiased, biased };

// [balance]
struct BalanceSpec {
  double bias_speed = 0;  // gamma of arXiv 2408.15664; 0 leaves the biases alone
  double bias_speed_late = 0;
  double bias_speed_until_tokens = 0;
  double sequence_alpha = 0;  // of the sequence-wise loss, arXiv 2412.19437 equations 17–20
  ScoresCounted sequence_scores = ScoresCounted::unbiased;
  double load_factor = 0;  // routed rows planned for a rank, over the mean
  bool operator==(const BalanceSpec&) const = default;
};

// What the backward pass makes again instead of keeping it; models/passes/recompute.hpp.
struct RecomputeSpec {
  bool rms_norm = false;  // outputs of RMSNorms
  bool mla_up = false;    // queries, keys and values, from their latents
  bool swiglu = false;    // outputs of SwiGLUs
  bool full = false;      // everything but the residual stream between layers and what routing decided
  bool operator==(const RecomputeSpec&) const = default;
};

// [memory]
struct MemorySpec {
  RecomputeSpec recompute;
  bool operator==(const MemorySpec&) const = default;
};

// [precision]
struct PrecisionSpec {
  Precision compute = Precision::fp32;
  Products products = Products::compute;
  Products saved = Products::compute;  // what backward needs of linears and activations is kept in
  bool operator==(const PrecisionSpec&) const = default;
};

// [[cluster.node]]: several with host "localhost" are nodes that this machine stands for.
struct NodeSpec {
  std::string host;
  int devices = 0;
  std::string kind;  // "cpu", or a kind of cluster/forecast/devices/device_catalog.hpp, which can be planned for
  int count = 1;     // nodes alike: host-0, host-1, …
  double local_gb_per_s = 0;    // a device's port to devices of its host, each way; 0: the kind's own
  double network_gb_per_s = 0;  // a device's share of the network, each way; 0: the kind's own
  bool operator==(const NodeSpec&) const = default;
};

// [cluster.link]: the wires between devices, emulated; cluster/traffic/link.hpp states the model.
struct LinkSpec {
  double latency_us = 0;
  double gb_per_s = 0;  // 10^9 bytes a second that a device can send; 0: no limit
  // The same of what a device sends to other nodes; 0: as inside a node.
  double network_latency_us = 0;
  double network_gb_per_s = 0;
  bool emulated() const { return latency_us > 0 || gb_per_s > 0 || network_latency_us > 0 || network_gb_per_s > 0; }
  // The wire between nodes, as one that is the same everywhere.
  LinkSpec between_nodes() const {
    return {network_latency_us > 0 ? network_latency_us : latency_us,
            network_gb_per_s > 0 ? network_gb_per_s : gb_per_s};
  }
  bool operator==(const LinkSpec&) const = default;
};

// Where a device's actor lives.
enum class Isolation : std::uint8_t {
  thread,   // all in the program that was started
  process,  // each in a process of its own, under its host's agent
};

// Who starts the agents of hosts.
enum class Launcher : std::uint8_t { local, ssh, wait };

// [cluster.network]: of processes.
struct NetworkSpec {
  std::string interface;   // that control and data use alone; "": the loopback where all hosts are this one
  std::string transports;  // as UCX_TLS has them; "": what UCX chooses
  bool operator==(const NetworkSpec&) const = default;
};

// [cluster.ssh]: how launcher = "ssh" gets to other hosts; what is empty or 0 is ssh's own default.
struct SshSpec {
  std::string user;
  int port = 0;
  std::string identity;                  // file of the private key
  std::string known_hosts;               // file of the hosts' keys
  std::string program;                   // dsrun's path there; "": as here
  std::vector<std::string> environment;  // NAME=VALUE, for agents and devices
  bool operator==(const SshSpec&) const = default;
};

// [cluster]
struct ClusterSpec {
  std::vector<NodeSpec> nodes;
  LinkSpec link{};
  Isolation isolation = Isolation::thread;
  Launcher launcher = Launcher::local;
  double start_timeout_secs = 0;   // agents and devices that are not there by then end the launch
  double freeze_timeout_secs = 0;  // a process that is silent for longer counts as lost
  NetworkSpec network{};
  SshSpec ssh{};
  int threads_per_device = 1;    // threads of one device's matrix products
  bool pin_cores = false;        // device i runs on core i mod cores
  double peer_timeout_secs = 0;  // a wait on a peer longer than this ends the job
  bool operator==(const ClusterSpec&) const = default;
};

struct Job {
  RunSpec run;
  ModelSpec model;
  ParallelSpec parallel;
  BatchSpec batch;
  DataSpec data;
  OptimizerSpec optimizer;
  BalanceSpec balance;
  MemorySpec memory;
  PrecisionSpec precision;
  ClusterSpec cluster;
  std::string folder;  // of the job file; relative globs start here

  int world_size() const { return parallel.pipeline * parallel.data; }
  bool operator==(const Job&) const = default;
};

}  // namespace dsrun
