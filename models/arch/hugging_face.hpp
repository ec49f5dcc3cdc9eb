// A model as Hugging Face's transformers stores it: its config.json, and which of its tensors is which part of which
// parameter here. This header has texts and values only; runtime/state/safetensors reads and writes the files. The
// functions ask the model's row (models/arch/architecture.hpp), whose folder has the config's keys and the tensors'
// names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dsl/specs/model.hpp"
#include "dsl/text/diagnostic.hpp"
#include "models/graph.hpp"

namespace dsrun {

struct HuggingFaceConfig {
  ModelSpec model;                                     // byte_vocab is false: the file cannot say it
  std::int64_t max_length = 0;                         // max_position_embeddings
  std::optional<std::int32_t> begin_token, end_token;  // bos_token_id and eos_token_id; of several the first
  bool operator==(const HuggingFaceConfig&) const = default;
};

struct HuggingFaceConfigResult {
  std::optional<HuggingFaceConfig> config;  // only without faults
  std::vector<Diagnostic> faults;           // place.key is the config's key; the message names it too
  std::vector<std::string> notes;           // for people: accepted keys that had no effect
};

// Missing keys get the defaults of transformers. A setting that this program cannot run is a fault, and so is a key
// that it does not know, unless `accept` names it.
HuggingFaceConfigResult parse_hugging_face_config(std::string_view text, const std::string& file_name,
                                                  const std::vector<std::string>& accept = {});

// `dtype` as torch calls it: "float32", "bfloat16".
std::string write_hugging_face_config(const HuggingFaceConfig& config, std::string_view dtype);

// The config of an imported model after training, from the text that was parsed: says what that says but for the type
// of the weights, the number of prediction modules, a length that training went beyond and, where the run had another
// tokenizer, its ids.
std::string update_hugging_face_config(std::string_view text, const HuggingFaceConfig& config, std::string_view dtype,
                                       bool keeps_tokens);

// One tensor of the files: elements [begin, begin + size) of a parameter, which is flat, as in state layouts. Every
// tensor is whole rows of one parameter in the same order, out × in: nothing is transposed.
struct HuggingFaceTensor {
  std::string name;                // in the files
  std::vector<std::int64_t> dims;  // in the files
  std::string param;               // Param::name; "" : a router's bias, always FP32, outside of the parameters
  int moe = -1;                    // of a bias: its MoE layer, as an index into Graph::moe_layers
  std::int64_t begin = 0;
  std::int64_t size = 0;
  bool is_copy = false;  // a prediction module's own copy of the embedding or head: written, but not read
};

using ParamNames = std::set<std::string, std::less<>>;

// The routed experts of each layer as transformers 5 has them in memory and may store them: one tensor for all, experts
// × out × in, instead of two or one for each expert. It holds a whole parameter.
std::vector<HuggingFaceTensor> whole_experts(const Graph& graph, const ModelSpec& model);

// All tensors of a model. Without the copies, they hold each element of each parameter, and each bias, once.
class HuggingFaceTable {
 public:
  // `whole`: parameters whose experts the files hold in one tensor.
  HuggingFaceTable(const Graph& graph, const ModelSpec& model, const ParamNames& whole = {});

  // How many tensors the table will have. Compare it with the files before making a table from sizes of unknown origin.
  static std::int64_t num_tensors(const Graph& graph, const ModelSpec& model, const ParamNames& whole = {});

  std::span<const HuggingFaceTensor> tensors() const { return tensors_; }     // by parameter, then biases, then copies
  const HuggingFaceTensor* find(std::string_view name) const;                 // by its name in the files; null: none
  std::span<const HuggingFaceTensor> parts_of(std::string_view param) const;  // by begin; empty: no such parameter

 private:
  std::vector<HuggingFaceTensor> tensors_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_map<std::string, std::pair<std::size_t, std::size_t>> parts_;  // first, count
};

}  // namespace dsrun
