// [model]: the sizes of a model.
#pragma once

#include <string>
#include <vector>

namespace dsrun {

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
  std::string preset;  // preset whose sizes are the defaults of the keys below; "": the small defaults
  int layers = 0;
  int dense_layers = 0;  // number of first layers, which have a dense feed-forward
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
  std::vector<std::string> accept{};  // keys of its config.json that are unknown here and may be ignored
  bool byte_vocab = true;             // vocab = "byte": each byte of the text is one of 256 tokens
  int vocab_size = 0;
  // Each prediction module is a block with experts.
  int moe_layers() const { return layers - dense_layers + mtp_depth; }
  bool operator==(const ModelSpec&) const = default;
};

}  // namespace dsrun
