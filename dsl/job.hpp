// Job: one immutable, fully validated description of a run. Nothing downstream derives or defaults a setting again.
//
// dsl/parse.hpp makes it from a TOML file and `--set` overrides. Each member here has exactly one row in
// dsl/keys/tables/ (unit, range, default, what a change means, help). To add a setting, add a member here and a row
// there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dsrun {

enum class Precision : std::uint8_t { fp64, fp32, bf16 };  // arithmetic of activations and weights
enum class Products : std::uint8_t {
  compute,
  fp8
};  // fp8 has a scale for each 1 × 128 or 128 × 128 elements; it can be planned for, not run

// [job]
struct RunSpec {
  std::string name;
  std::int64_t steps = 0;                   // optimizer steps of the whole run
  std::uint64_t seed = 0;                   // decides initial values and the order of samples
  std::int64_t checkpoint_every_steps = 0;  // 0: only at the end and on a signal
  bool operator==(const RunSpec&) const = default;
};

// YaRN makes the context longer (arXiv 2309.00071). Defaults are DeepSeek-V3's. These are the yarn_* keys of [model].
struct YarnSpec {
  double factor = 1;              // by which the context becomes longer; 1: plain RoPE, without the members below
  double original_length = 4096;  // tokens of the context before
  double beta_fast = 32;          // turns within original_length; column pairs that make more keep their frequency
  double beta_slow = 1;           // turns; column pairs that make fewer have their frequency divided by `factor`
  double mscale = 1;              // magnitude of cosines and sines; 0: not set
  double mscale_all_dim = 1;      // magnitude whose square scales the logits; 0: not set
  bool on() const { return factor > 1; }
  bool operator==(const YarnSpec&) const = default;
};

// [model]: DeepSeek-V3's shape (arXiv 2412.19437, section 2). Widths and ranks are in elements.
struct ModelSpec {
  std::string preset;  // whose sizes are the defaults of the keys below; "": the small defaults
  int layers = 0;
  int dense_layers = 0;  // number of first layers, whose feed-forward is dense
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
  int mtp_depth = 0;          // number of multi-token prediction modules
  double routed_scaling = 0;  // multiplies the normalised gates
  double norm_eps = 0;
  double latent_norm_eps = 1e-6;  // of the RMSNorms of MLA's latents
  double rope_theta = 0;
  YarnSpec yarn;
  double init_std = 0;
  std::string init_from{};  // folder with weights in Hugging Face's form, absolute once launched; "": random values
  bool byte_vocab = true;   // vocab = "byte": each byte of the text is one of 256 tokens
  int vocab_size = 0;
  // Each prediction module is a block with experts.
  int moe_layers() const { return layers - dense_layers + mtp_depth; }
  bool operator==(const ModelSpec&) const = default;
};

// How a token's row reaches its experts: straight to every device that has one, or through one device of each node.
enum class Dispatch : std::uint8_t { automatic, direct, two_hop };

// [parallel]
struct ParallelSpec {
  int pipeline = 1;
  int data = 1;
  int expert = 1;                           // number of ranks of an expert group; divides data
  std::string schedule;                     // a name of runtime/schedule's table; "file": schedule_file has it
  int stages_per_rank = 0;                  // 0: the schedule decides
  std::string schedule_file{};              // relative to the job file's folder, absolute once launched; "": none
  std::string schedule_text{};              // text of that file, which may change or vanish; not a key
  Dispatch dispatch = Dispatch::automatic;  // dsl/two_hop.hpp
  bool overlap = true;  // F&B instructions interleave their two op lists; false: one after the other
  std::vector<int>
      layers_per_stage;  // by stage, summing to model.layers; empty: cluster/layout/stage_balance.hpp chooses
  bool from_file() const { return !schedule_file.empty(); }
  bool operator==(const ParallelSpec&) const = default;
};

// [batch]
struct BatchSpec {
  int sequences = 0;     // of a step, over all ranks
  int length = 0;        // tokens a sequence predicts
  int microbatches = 0;  // of a data rank in a step, both directions of DualPipe together
  // The batch grows from the share ramp_start of its sequences to all of them over the first ramp_tokens tokens. Each
  // time it grows by ramp_step sequences, or by one microbatch of each data rank where ramp_step is 0.
  double ramp_start = 0;
  double ramp_tokens = 0;
  int ramp_step = 0;
  int microbatch_sequences(int data) const {
    return static_cast<int>(sequences / (static_cast<std::int64_t>(data) * microbatches));
  }
  bool operator==(const BatchSpec&) const = default;
};

// How documents become sequences: they are cut from one stream, or put whole into the sequences that they fit best,
// which are then padded.
enum class PackingKind : std::uint8_t { stream, best_fit };

// [data]
struct DataSpec {
  std::vector<std::string> files;  // globs, relative to the job file's folder
  std::string tokenizer{};         // tokenizer.json, absolute once launched; "": each byte is a token
  PackingKind packing = PackingKind::stream;
  double fim_rate = 0;                    // share of documents rearranged as prefix, suffix, middle (arXiv 2207.14255)
  std::vector<std::string> fim_tokens{};  // before prefix, suffix and middle: names in the tokenizer
  double validation_fraction = 0;         // share of the text, its contiguous last part
  std::int64_t validate_every_steps = 0;  // 0: only after the last step
  bool operator==(const DataSpec&) const = default;
};

enum class Moments : std::uint8_t { fp32, bf16 };

// [optimizer]: AdamW. models/recipe.hpp has the phases of the learning rate.
struct OptimizerSpec {
  std::string kind;
  double lr = 0;
  double final_lr = 0;
  std::int64_t warmup_steps = 0;
  double constant_tokens = 0;
  double decay_tokens = 0;  // 0: to the last step
  double final_tokens = 0;  // 0: to the last step
  double last_lr = 0;
  double phase_tokens = 0;  // length of the run that token counts are scaled from; 0: they are not scaled
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weight_decay = 0;  // on matrices only
  double clip_norm = 0;     // 0: no clipping
  // Weight of the prediction modules' mean loss: mtp_lambda during the first mtp_lambda_until_tokens tokens, then
  // mtp_lambda_late.
  double mtp_lambda = 0;
  double mtp_lambda_late = 0;
  double mtp_lambda_until_tokens = 0;
  Moments moments = Moments::fp32;
  double ema_decay = 0;  // 0: no average of the weights
  bool operator==(const OptimizerSpec&) const = default;
};

// Whose choice of experts the sequence-wise balance loss counts: that of the scores without or with their biases.
enum class ScoresCounted : std::uint8_t { unbiased, biased };

// [balance]
struct BalanceSpec {
  double bias_speed = 0;  // gamma of arXiv 2408.15664; 0: biases stay as they are
  double bias_speed_late = 0;
  double bias_speed_until_tokens = 0;
  double sequence_alpha = 0;  // weight of the sequence-wise loss, arXiv 2412.19437 equations 17–20
  ScoresCounted sequence_scores = ScoresCounted::unbiased;
  double load_factor = 0;  // routed rows of a rank that memory is planned for, divided by their mean
  bool operator==(const BalanceSpec&) const = default;
};

// What the backward pass computes again instead of keeping it; models/passes/recompute.hpp.
struct RecomputeSpec {
  bool rms_norm = false;  // outputs of RMSNorms
  bool mla_up = false;    // queries, keys and values, from their latents
  bool swiglu = false;    // outputs of SwiGLUs
  bool full = false;      // everything except the residual stream between layers and what routing decided
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
  Products saved = Products::compute;  // type in which inputs of linears and activations are kept for backward
  bool operator==(const PrecisionSpec&) const = default;
};

// [[cluster.node]]. Several entries with host "localhost" are nodes that this machine stands for.
struct NodeSpec {
  std::string host;
  int devices = 0;
  std::string kind;           // "cpu", or one of cluster/forecast/devices/device_catalog.hpp, which can be planned for
  int count = 1;              // number of equal nodes: host-0, host-1, …
  double local_gb_per_s = 0;  // of a device's port to its host's devices, each way; 0: the kind's own
  double network_gb_per_s = 0;  // of a device's share of the network, each way; 0: the kind's own
  bool operator==(const NodeSpec&) const = default;
};

// [cluster.link]: emulated links between devices. cluster/traffic/link.hpp states the model.
struct LinkSpec {
  double latency_us = 0;
  double gb_per_s = 0;  // 10^9 bytes a second that a device sends; 0: no limit
  // Of what a device sends to other nodes; 0: as inside a node.
  double network_latency_us = 0;
  double network_gb_per_s = 0;
  bool emulated() const { return latency_us > 0 || gb_per_s > 0 || network_latency_us > 0 || network_gb_per_s > 0; }
  // The link between nodes, as one that is the same everywhere.
  LinkSpec between_nodes() const {
    return {network_latency_us > 0 ? network_latency_us : latency_us,
            network_gb_per_s > 0 ? network_gb_per_s : gb_per_s};
  }
  bool operator==(const LinkSpec&) const = default;
};

// Where a device's actor lives.
enum class Isolation : std::uint8_t {
  thread,   // all devices are in the program that was started
  process,  // each device is in a process of its own, under its host's agent
};

// Who starts the agents of hosts: dsrun here, dsrun by ssh, or somebody else.
enum class Launcher : std::uint8_t { local, ssh, wait };

// [cluster.network]: what processes communicate over.
struct NetworkSpec {
  std::string interface;   // that control and data use; "": the loopback if all hosts are this one
  std::string transports;  // as in UCX_TLS; "": UCX chooses
  bool operator==(const NetworkSpec&) const = default;
};

// [cluster.ssh]: how launcher = "ssh" reaches other hosts. What is empty or 0 is left to ssh.
struct SshSpec {
  std::string user;
  int port = 0;
  std::string identity;                  // file with the private key
  std::string known_hosts;               // file with the hosts' keys
  std::string program;                   // path of dsrun on the hosts; "": as here
  std::vector<std::string> environment;  // NAME=VALUE, for agents and devices
  bool operator==(const SshSpec&) const = default;
};

// [cluster]
struct ClusterSpec {
  std::vector<NodeSpec> nodes;
  LinkSpec link{};
  Isolation isolation = Isolation::thread;
  Launcher launcher = Launcher::local;
  double start_timeout_secs = 0;   // agents and devices that have not started by then end the launch
  double freeze_timeout_secs = 0;  // a process that is silent for longer counts as lost
  NetworkSpec network{};
  SshSpec ssh{};
  int threads_per_device = 1;    // threads of one device's matrix products
  bool pin_cores = false;        // device i runs on core i mod cores
  double peer_timeout_secs = 0;  // a longer wait for a peer ends the job
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
  std::string folder;  // folder of the job file; relative globs start here

  int world_size() const { return parallel.pipeline * parallel.data; }
  bool operator==(const Job&) const = default;
};

}  // namespace dsrun
