// DeepSeek-V3's forward pass as a list of ops (arXiv 2412.19437, section 2; parameter names as Hugging Face has them,
// except that each gate_proj and up_proj are one gate_up_proj with the gate's rows first, and a layer's routed experts
// are one tensor).
#include <fmt/format.h>

#include "models/arch/deepseek_v3/deepseek_v3.hpp"
#include "models/rope.hpp"

namespace dsrun::deepseek_v3 {
namespace {

class Builder {
 public:
  explicit Builder(const ModelSpec& model) : model_(model) {}

  Graph build() {
    ValueId x = embedding(0);
    for (layer_ = 0; layer_ < model_.layers; ++layer_) {
      x = feed_forward(attention(x));
    }
    layer_ = model_.layers - 1;
    x = norm(x, "model.norm.weight", "final_norm");
    head(x, 0);
    for (int depth = 1; depth <= model_.mtp_depth; ++depth) x = prediction_module(x, depth);
    return std::move(graph_);
  }

 private:
  std::string layer_name(std::string_view part) const { return fmt::format("model.layers.{}.{}", layer_, part); }

  ValueId value(std::string_view name, int cols, Rows rows = Rows::tokens, Element element = Element::compute) {
    graph_.values.push_back({fmt::format("{}.{}", layer_, name), rows, cols, element});
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  int matrix(std::string name, std::int64_t rows, std::int64_t cols, std::int64_t experts = 0) {
    graph_.params.push_back({std::move(name), experts, rows, cols, Init::normal, layer_});
    return static_cast<int>(graph_.params.size()) - 1;
  }
  // A matrix that several ops use: one parameter.
  int shared_matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    for (std::size_t i = 0; i < graph_.params.size(); ++i)
      if (graph_.params[i].name == name) return static_cast<int>(i);
    return matrix(name, rows, cols);
  }
  int norm_weight(std::string name, std::int64_t size) {
    graph_.params.push_back({std::move(name), 0, 1, size, Init::ones, layer_});
    return static_cast<int>(graph_.params.size()) - 1;
  }

  OpAttributes attributes() const {
    OpAttributes all;
    all.heads = model_.heads;
    all.nope_dim = model_.nope_dim;
    all.rope_dim = model_.rope_dim;
    all.value_dim = model_.value_dim;
    all.kv_rank = model_.kv_rank;
    all.eps = model_.norm_eps;
    all.rope_theta = model_.rope_theta;
    all.yarn = model_.yarn;
    all.softmax_scale = attention_scale(model_);
    all.experts = model_.experts;
    all.experts_per_token = model_.experts_per_token;
    all.expert_groups = model_.expert_groups;
    all.groups_per_token = model_.groups_per_token;
    all.routed_scaling = model_.routed_scaling;
    all.vocab = model_.vocab_size;
    return all;
  }

  // Returns the first output.
  ValueId emit(Op op, std::vector<ValueId> inputs, std::vector<ValueId> outputs, std::vector<int> params = {},
               int moe = -1) {
    const ValueId first = outputs.empty() ? no_value : outputs[0];
    graph_.nodes.push_back({op, attributes(), std::move(inputs), std::move(outputs), std::move(params), layer_, moe});
    return first;
  }

  // The op emitted last, which makes `output`, belongs to a set that a job can name (memory.recompute).
  ValueId in_set(RecomputeSet set, ValueId output) {
    graph_.nodes.back().recompute_sets |= recompute_set(set);
    return output;
  }

  ValueId norm(ValueId x, std::string name, std::string_view what) {
    const int cols = graph_.values[x].cols;
    return in_set(RecomputeSet::rms_norm,
                  emit(Op::rms_norm, {x}, {value(what, cols)}, {norm_weight(std::move(name), cols)}));
  }
  ValueId latent_norm(ValueId x, std::string name, std::string_view what) {
    const ValueId normed = norm(x, std::move(name), what);
    graph_.nodes.back().attributes.eps = model_.latent_norm_eps;
    return normed;
  }
  ValueId linear(ValueId x, std::string name, int out, std::string_view what, Element element = Element::compute) {
    const int in = graph_.values[x].cols;
    return emit(Op::linear, {x}, {value(what, out, Rows::tokens, element)}, {matrix(std::move(name), out, in)});
  }
  ValueId add(ValueId x, ValueId y, std::string_view what) {
    return emit(Op::add, {x, y}, {value(what, model_.hidden)});
  }

  ValueId embedding(int depth) {
    const ValueId x = emit(Op::embed, {}, {value("embedding", model_.hidden)},
                           {shared_matrix("model.embed_tokens.weight", model_.vocab_size, model_.hidden)});
    graph_.nodes.back().attributes.depth = depth;
    return x;
  }
  void head(ValueId x, int depth) {
    emit(Op::head_loss, {x}, {value("loss.lse", 1, Rows::tokens, Element::wide)},
         {shared_matrix("lm_head.weight", model_.vocab_size, model_.hidden)});
    graph_.nodes.back().attributes.depth = depth;
  }

  // Multi-token prediction, section 2.2: the hidden state below, after its last norm, joins the embedding of the token
  // that is `depth` ahead (embedding first, as in the published files) and runs through a block with experts.
  ValueId prediction_module(ValueId below, int depth) {
    layer_ = model_.layers + depth - 1;
    const ValueId ahead = norm(embedding(depth), layer_name("enorm.weight"), "embedding_norm");
    const ValueId hidden = norm(below, layer_name("hnorm.weight"), "hidden_norm");
    const ValueId joined = emit(Op::concat, {ahead, hidden}, {value("joined", 2 * model_.hidden)});
    const ValueId x = linear(joined, layer_name("eh_proj.weight"), model_.hidden, "projected");
    const ValueId normed = norm(feed_forward(attention(x)), layer_name("shared_head.norm.weight"), "final_norm");
    head(normed, depth);
    return normed;
  }

  // Multi-head latent attention, section 2.1.1.
  ValueId attention(ValueId x) {
    const int head_dim = model_.nope_dim + model_.rope_dim;
    const ValueId normed = norm(x, layer_name("input_layernorm.weight"), "attention_norm");
    ValueId query_source = normed;
    std::string query_name = "self_attn.q_proj.weight";
    if (model_.q_rank > 0) {
      const ValueId latent = linear(normed, layer_name("self_attn.q_a_proj.weight"), model_.q_rank, "q_latent");
      query_source = latent_norm(latent, layer_name("self_attn.q_a_layernorm.weight"), "q_latent_norm");
      query_name = "self_attn.q_b_proj.weight";
    }
    const ValueId projected = linear(query_source, layer_name(query_name), model_.heads * head_dim, "q_projected");
    if (model_.q_rank > 0) in_set(RecomputeSet::mla_up, projected);
    const ValueId q = emit(Op::rope, {projected}, {value("q", model_.heads * head_dim)});
    if (model_.q_rank > 0) in_set(RecomputeSet::mla_up, q);
    const ValueId kv_a = linear(normed, layer_name("self_attn.kv_a_proj_with_mqa.weight"),
                                model_.kv_rank + model_.rope_dim, "kv_latent_raw");
    const ValueId latent = value("kv_latent", model_.kv_rank);
    const ValueId k_rope = value("k_rope", model_.rope_dim);
    emit(Op::kv_latent, {kv_a}, {latent, k_rope},
         {norm_weight(layer_name("self_attn.kv_a_layernorm.weight"), model_.kv_rank)});
    in_set(RecomputeSet::rms_norm, latent);
    graph_.nodes.back().attributes.eps = model_.latent_norm_eps;
    const ValueId kv = linear(latent, layer_name("self_attn.kv_b_proj.weight"),
                              model_.heads * (model_.nope_dim + model_.value_dim), "kv");
    in_set(RecomputeSet::mla_up, kv);
    const ValueId out = value("attention", model_.heads * model_.value_dim);
    emit(Op::attention, {q, kv, k_rope}, {out, value("attention.lse", model_.heads, Rows::tokens, Element::wide)});
    const ValueId projected_out = linear(out, layer_name("self_attn.o_proj.weight"), model_.hidden, "attention_out");
    return add(x, projected_out, "after_attention");
  }

  ValueId gated_mlp(ValueId x, std::string_view prefix, int hidden, std::string_view what) {
    const ValueId gate_up = linear(x, layer_name(fmt::format("{}.gate_up_proj.weight", prefix)), 2 * hidden,
                                   fmt::format("{}.gate_up", what));
    const ValueId h =
        in_set(RecomputeSet::swiglu, emit(Op::swiglu, {gate_up}, {value(fmt::format("{}.hidden", what), hidden)}));
    return linear(h, layer_name(fmt::format("{}.down_proj.weight", prefix)), model_.hidden,
                  fmt::format("{}.out", what));
  }

  ValueId feed_forward(ValueId x) {
    const ValueId normed = norm(x, layer_name("post_attention_layernorm.weight"), "mlp_norm");
    const ValueId out =
        layer_ < model_.dense_layers ? gated_mlp(normed, "mlp", model_.dense_hidden, "mlp") : moe(normed);
    return add(x, out, "after_mlp");
  }

  // DeepSeekMoE with sigmoid scores and group-limited top-k, section 2.1.2. Dispatch comes before the shared experts,
  // which fill the time of its flight.
  ValueId moe(ValueId x) {
    const int moe = static_cast<int>(graph_.moe_layers.size());
    graph_.moe_layers.push_back(layer_);
    const int k = model_.experts_per_token;
    const ValueId logits = linear(x, layer_name("mlp.gate.weight"), model_.experts, "router_logits", Element::wide);
    const ValueId gates = value("gates", k, Rows::tokens, Element::wide);
    const ValueId indices = value("indices", k, Rows::tokens, Element::index);
    emit(Op::router, {logits}, {gates, indices, value("scores", model_.experts, Rows::tokens, Element::wide)}, {}, moe);
    emit(Op::exchange_counts, {indices}, {}, {}, moe);
    const ValueId rows = value("expert_rows", model_.hidden, Rows::routed);
    const ValueId row_gates = value("row_gates", 1, Rows::routed, Element::wide);
    emit(Op::dispatch, {x, gates}, {rows, row_gates}, {}, moe);
    ValueId shared = no_value;
    if (model_.shared_experts > 0)
      shared = gated_mlp(x, "mlp.shared_experts", model_.shared_experts * model_.expert_hidden, "shared");
    const int f = model_.expert_hidden;
    const ValueId gate_up =
        emit(Op::grouped_linear, {rows}, {value("expert.gate_up", 2 * f, Rows::routed)},
             {matrix(layer_name("mlp.experts.gate_up_proj.weight"), 2 * f, model_.hidden, model_.experts)}, moe);
    const ValueId h = in_set(RecomputeSet::swiglu, emit(Op::gated_swiglu, {gate_up, row_gates},
                                                        {value("expert.hidden", f, Rows::routed)}, {}, moe));
    const ValueId y = emit(Op::grouped_linear, {h}, {value("expert.out", model_.hidden, Rows::routed)},
                           {matrix(layer_name("mlp.experts.down_proj.weight"), model_.hidden, f, model_.experts)}, moe);
    const ValueId routed = emit(Op::combine, {y}, {value("routed_out", model_.hidden)}, {}, moe);
    return shared == no_value ? routed : add(routed, shared, "moe_out");
  }

  const ModelSpec& model_;
  Graph graph_;
  int layer_ = 0;
};

}  // namespace

Graph build(const ModelSpec& model) { return Builder(model).build(); }

}  // namespace dsrun::deepseek_v3
