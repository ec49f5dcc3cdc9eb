#include "dsrun/export/export_model.hpp"

#include <algorithm>

#include "dsrun/export/export_files.hpp"
#include "dsrun/export/staged_folder.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/state/checkpoint/tensors.hpp"
#include "runtime/state/safetensors/convert.hpp"
#include "runtime/state/safetensors/model.hpp"
#include "runtime/state/safetensors/writer.hpp"

namespace dsrun {
namespace {

// The master weights of a checkpoint, or their averages, as float, whatever type they were saved as.
class Masters {
 public:
  Masters(const SavedState& saved, const Job& job, SavedWeights weights)
      : tensors_(saved.run_dir, saved.manifest),
        suffix_(weights == SavedWeights::average ? average_suffix : master_suffix),
        wide_(job.precision.compute == Precision::fp64) {}

  void read(const std::string& param, std::int64_t begin, std::span<float> out) {
    const TensorRange range{param + suffix_, wide_ ? "f64" : "f32", begin,
                            begin + static_cast<std::int64_t>(out.size())};
    if (!wide_) return tensors_.read(range, out.data());
    std::vector<double> values(out.size());
    tensors_.read(range, values.data());
    std::transform(values.begin(), values.end(), out.begin(), [](double value) { return static_cast<float>(value); });
  }

 private:
  CheckpointTensors tensors_;
  const char* suffix_;
  bool wide_;
};

void write_weights(const ExportOptions& options, const std::string& folder, const Job& job, const SavedState& saved) {
  const HuggingFaceTable table(build_graph(job.model), job.model);
  std::vector<SafetensorsShape> shapes;
  for (const HuggingFaceTensor& tensor : table.tensors())
    shapes.push_back(
        {tensor.name, options.narrow && tensor.moe < 0 ? SafetensorsDtype::bf16 : SafetensorsDtype::f32, tensor.dims});
  Masters masters(saved, job, options.weights);
  std::vector<float> values;
  std::vector<Bf16> rounded;
  const auto source = [&](std::size_t index, const PutBytes& put) {
    const HuggingFaceTensor& tensor = table.tensors()[index];
    if (tensor.moe >= 0) return put(std::as_bytes(std::span(saved.biases[static_cast<std::size_t>(tensor.moe)])));
    values.resize(static_cast<std::size_t>(tensor.size));
    masters.read(tensor.param, tensor.begin, values);
    if (!options.narrow) return put(std::as_bytes(std::span(values)));
    rounded.resize(values.size());
    round_to_bf16(values, rounded);
    put(std::as_bytes(std::span(rounded)));
  };
  write_safetensors_model(folder, shapes, static_cast<std::uint64_t>(options.shard_gb * 1e9), source);
}

}  // namespace

std::vector<std::string> export_model(const ExportOptions& options, const Job& job, const SavedState& saved) {
  const ExportFiles made = export_files(job, options.narrow ? "bfloat16" : "float32");
  const std::vector<std::string> model = {std::string(safetensors_file_name), std::string(safetensors_index_name)};
  std::vector<std::string> names = model;
  for (const ExportFile& file : made.files) names.push_back(file.name);
  StagedFolder stage(options.folder, names);
  for (const ExportFile& file : made.files) stage.write(file.name, file.content);
  write_weights(options, stage.path(), job, saved);
  stage.commit(model);
  return made.notes;
}

}  // namespace dsrun
