#include "runtime/device/parameters/pretrained.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "dsl/write.hpp"

namespace dsrun {
namespace {

std::string read_config(const std::string& path) {
  constexpr std::size_t longest = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  std::string text(longest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (!file.is_open() || file.bad()) throw StorageError(fmt::format("{}: it cannot be read", path));
  if (text.size() > longest) throw StorageError(fmt::format("{}: it is no config: over 1 MiB", path));
  return text;
}

// Names of the files' tensors that no parameter takes, a few of them.
void note_unused(Pretrained& pretrained) {
  std::vector<std::string> unused;
  std::size_t count = 0;
  for (const SafetensorsFile& file : pretrained.files.files())
    for (const SafetensorsTensor& tensor : file.tensors()) {
      const bool scale = tensor.name.ends_with("_scale_inv");
      if (scale || pretrained.table.find(tensor.name) != nullptr) continue;
      if (++count <= 3) unused.push_back(in_quotes(tensor.name));
    }
  if (count > 0)
    pretrained.notes.push_back(fmt::format("{} {} no part of the model here and left out: {}{}", count,
                                           count == 1 ? "tensor is" : "tensors are", fmt::join(unused, ", "),
                                           count > unused.size() ? ", …" : ""));
}

// Calls `put` with runs of elements [begin, begin + size) of a parameter, in order: a few MiB at a time.
template <class Put>
void read_range(const Pretrained& from, const std::string& param, std::int64_t begin, std::int64_t size, Put put) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<float> values;
  for (const HuggingFaceTensor& part : from.table.parts_of(param)) {
    const std::int64_t first = std::max(begin, part.begin), last = std::min(begin + size, part.begin + part.size);
    if (first >= last) continue;
    const SafetensorsTensor& tensor = from.files.get(part.name, part.dims);
    for (std::int64_t at = first; at < last; at += most) {
      values.resize(static_cast<std::size_t>(std::min(most, last - at)));
      from.files.read_f32(tensor, at - part.begin, values);
      put(at, std::span<const float>(values));
    }
  }
}

bool has_tensors_below(const SafetensorsModel& files, const std::string& prefix) {
  return std::any_of(files.files().begin(), files.files().end(), [&](const SafetensorsFile& file) {
    return std::any_of(file.tensors().begin(), file.tensors().end(),
                       [&](const SafetensorsTensor& tensor) { return tensor.name.starts_with(prefix); });
  });
}

// The parameters whose experts the files hold in one tensor.
ParamNames find_whole_experts(const SafetensorsModel& files, const Graph& graph, const ModelSpec& model) {
  ParamNames found;
  for (const HuggingFaceTensor& tensor : whole_experts(graph, model)) {
    const SafetensorsTensor* stored = files.find(tensor.name);
    if (stored != nullptr && stored->dims == tensor.dims) found.insert(tensor.param);
  }
  return found;
}

struct Missing {
  std::vector<std::string> names;  // of the first few
  std::int64_t count = 0;
};

Missing find_missing(const SafetensorsModel& files, const HuggingFaceTable& table, const std::string& prefix = "") {
  Missing missing;
  for (const HuggingFaceTensor& tensor : table.tensors()) {
    if (tensor.is_copy || !tensor.name.starts_with(prefix) || files.find(tensor.name) != nullptr) continue;
    if (++missing.count <= 3) missing.names.push_back(in_quotes(tensor.name));
  }
  return missing;
}

std::string text_of(const Missing& missing) {
  return fmt::format("{}{}", fmt::join(missing.names, ", "),
                     missing.count > static_cast<std::int64_t>(missing.names.size()) ? ", …" : "");
}

// Throws StorageError for sizes that need far more tensors than there are, before a table is made of them.
void check_count(const SafetensorsModel& files, const std::string& folder, std::int64_t wanted) {
  constexpr std::int64_t affordable = 1 << 20;
  const auto held = static_cast<std::int64_t>(files.num_tensors());
  if (wanted > held + affordable)
    throw StorageError(
        fmt::format("{}: the model of config.json has {} tensors, and the files hold {}", folder, wanted, held));
}

HuggingFaceTable make_table(const SafetensorsModel& files, const std::string& folder, const ModelSpec& model) {
  const Graph graph = build_graph(model);
  const ParamNames whole = find_whole_experts(files, graph, model);
  check_count(files, folder, HuggingFaceTable::num_tensors(graph, model, whole));
  return {graph, model, whole};
}

// Leaves prediction modules out that are not whole in the files. transformers drops them when it saves a model, yet
// leaves their number in the config, and reads a model without them.
void leave_out_modules(const SafetensorsModel& files, const std::string& folder, HuggingFaceConfig& config,
                       std::vector<std::string>& notes) {
  if (config.model.mtp_depth == 0) return;
  const std::string layer = fmt::format("model.layers.{}.", config.model.layers);
  if (!has_tensors_below(files, layer)) {
    notes.push_back("config.json names multi-token prediction modules, but the files hold none");
    config.model.mtp_depth = 0;
    return;
  }
  const HuggingFaceTable table = make_table(files, folder, config.model);
  for (int module = 0; module < config.model.mtp_depth; ++module) {
    const Missing missing = find_missing(files, table, fmt::format("model.layers.{}.", config.model.layers + module));
    if (missing.count == 0) continue;
    notes.push_back(
        fmt::format("multi-token prediction modules from number {} on are left out, because the files lack {}",
                    module + 1, text_of(missing)));
    config.model.mtp_depth = module;
    return;
  }
}

}  // namespace

HuggingFaceConfigResult read_pretrained_config(const std::string& folder, const std::vector<std::string>& accept) {
  const std::string path = folder + "/config.json";
  HuggingFaceConfigResult result = parse_hugging_face_config(read_config(path), path, accept);
  if (result.config) return result;
  std::string text = path + ":";
  for (const Diagnostic& fault : result.faults)
    text += fmt::format("\n  {}{}", fault.message, fault.help.empty() ? "" : fmt::format(" (help: {})", fault.help));
  throw StorageError(text);
}

Pretrained open_pretrained(const std::string& folder, const std::vector<std::string>& accept) {
  HuggingFaceConfigResult parsed = read_pretrained_config(folder, accept);
  HuggingFaceConfig config = *parsed.config;
  SafetensorsModel files = SafetensorsModel::open(folder);
  leave_out_modules(files, folder, config, parsed.notes);
  HuggingFaceTable table = make_table(files, folder, config.model);
  if (const Missing missing = find_missing(files, table); missing.count > 0)
    throw StorageError(fmt::format("{}: {} of config.json's model {} missing: {}{}", folder,
                                   missing.count == 1 ? "a tensor" : fmt::format("{} tensors", missing.count),
                                   missing.count == 1 ? "is" : "are", text_of(missing), files.why_missing()));
  for (const HuggingFaceTensor& tensor : table.tensors())
    if (!tensor.is_copy) files.get(tensor.name, tensor.dims);
  for (const std::string& note : files.notes()) parsed.notes.push_back(note);
  Pretrained pretrained{folder, std::move(config), std::move(files), std::move(table), std::move(parsed.notes)};
  note_unused(pretrained);
  return pretrained;
}

std::vector<std::string> differences(const ModelSpec& of_config, const ModelSpec& model) {
  static const std::set<std::string> no_size = {"preset", "init_from", "accept", "init_std", "vocab", "mtp_depth"};
  const auto keys_of = [](const ModelSpec& spec) {
    Job job;
    job.model = spec;
    return to_json(job)["model"];
  };
  const nlohmann::json there = keys_of(of_config), here = keys_of(model);
  std::vector<std::string> found;
  for (const auto& [key, value] : there.items())
    if (!no_size.contains(key) && value != here[key])
      found.push_back(fmt::format("model.{} is {} there and {} here", key, value.dump(), here[key].dump()));
  if (of_config.vocab_size != model.vocab_size)
    found.push_back(
        fmt::format("the vocabulary has {} tokens there and {} here", of_config.vocab_size, model.vocab_size));
  return found;
}

void load_weights(const Pretrained& pretrained, ParameterStore& store) {
  for (BucketState& state : store.buckets()) {
    const Bucket& bucket = store.layout(state);
    for (const TensorPart& part : bucket.parts)
      read_range(pretrained, part.name, part.global_begin, part.size,
                 [&](std::int64_t at, std::span<const float> values) {
                   store.backend().initial.store(
                       values, store.weights_of(state, part.offset + at - part.global_begin, values.size()));
                 });
    if (!store.trains()) continue;
    for (const OwnedRange& owned : owned_ranges(bucket, state.member))
      read_range(pretrained, owned.part->name, owned.begin, owned.size,
                 [&](std::int64_t at, std::span<const float> values) {
                   store.backend().initial.store(
                       values, store.master_of(state, owned.offset + at - owned.begin, values.size()));
                 });
  }
}

std::vector<std::vector<float>> load_biases(const Pretrained& pretrained, const ModelSpec& model) {
  std::vector<std::vector<float>> biases(static_cast<std::size_t>(model.moe_layers()),
                                         std::vector<float>(static_cast<std::size_t>(model.experts), 0.0F));
  for (const HuggingFaceTensor& part : pretrained.table.tensors())
    if (part.moe >= 0 && part.moe < model.moe_layers())
      pretrained.files.read_f32(pretrained.files.get(part.name, part.dims), 0,
                                biases[static_cast<std::size_t>(part.moe)]);
  return biases;
}

}  // namespace dsrun
