// dsrun export RUN HF_DIR: a run's newest checkpoint as a model in Hugging Face's form.
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "dsl/parse.hpp"
#include "dsrun/run/trained_model.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "models/arch/hugging_face.hpp"
#include "runtime/state/checkpoint/tensors.hpp"
#include "runtime/state/safetensors/convert.hpp"
#include "runtime/state/safetensors/writer.hpp"

namespace dsrun {
namespace {

struct ExportOptions {
  std::string run, folder, dtype = "bf16";
  double shard_gb = 5;
  SavedWeights weights = SavedWeights::last;
};

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

void write_model(const ExportOptions& options, const Job& job, const SavedState& saved) {
  const ModelSpec& model = job.model;
  const HuggingFaceTable table(build_graph(model), model);
  const bool narrow = options.dtype == "bf16";
  std::vector<SafetensorsShape> shapes;
  for (const HuggingFaceTensor& tensor : table.tensors())
    shapes.push_back(
        {tensor.name, narrow && tensor.moe < 0 ? SafetensorsDtype::bf16 : SafetensorsDtype::f32, tensor.dims});
  Masters masters(saved, job, options.weights);
  std::vector<float> values;
  std::vector<Bf16> rounded;
  const auto source = [&](std::size_t index, const PutBytes& put) {
    const HuggingFaceTensor& tensor = table.tensors()[index];
    if (tensor.moe >= 0) return put(std::as_bytes(std::span(saved.biases[static_cast<std::size_t>(tensor.moe)])));
    values.resize(static_cast<std::size_t>(tensor.size));
    masters.read(tensor.param, tensor.begin, values);
    if (!narrow) return put(std::as_bytes(std::span(values)));
    rounded.resize(values.size());
    round_to_bf16(values, rounded);
    put(std::as_bytes(std::span(rounded)));
  };
  write_safetensors_model(options.folder, shapes, static_cast<std::uint64_t>(options.shard_gb * 1e9), source);
  const std::string config = write_hugging_face_config({model, job.batch.length}, narrow ? "bfloat16" : "float32");
  std::ofstream file(options.folder + "/config.json");
  file << config;
  if (!job.data.tokenizer.empty())
    std::filesystem::copy_file(job.data.tokenizer, options.folder + "/tokenizer.json",
                               std::filesystem::copy_options::overwrite_existing);
  if (!file.flush()) throw StorageError(fmt::format("{}/config.json: it cannot be written", options.folder));
}

int export_run(const ExportOptions& options, Context& context) {
  const ParseResult parsed = parse_job_file(options.run + "/job.toml");
  if (!parsed.job) {
    std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
    return exit_usage;
  }
  if (parsed.job->model.latent_norm_eps != 1e-6)
    return refuse(exit_usage, fmt::format("model.latent_norm_eps is {}: transformers supports only 1e-6",
                                          parsed.job->model.latent_norm_eps));
  try {
    const SavedState saved = find_saved_weights(options.run, options.weights);
    std::filesystem::create_directories(options.folder);
    write_model(options, *parsed.job, saved);
    if (!context.quiet())
      fmt::print(stderr, "dsrun: step {} of {} is in {} as {}\n", saved.step(), options.run, options.folder,
                 options.dtype);
    return exit_done;
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return refuse(exit_storage, fmt::format("{}: {}", options.folder, error.code().message()));
  }
}

}  // namespace

void add_export(CommandLine& app, Context& context) {
  auto options = std::make_shared<ExportOptions>();
  Verb verb = app.add("export", "write the newest checkpoint of a run as a model in Hugging Face format");
  verb.option("RUN", options->run, "folder of the run").required();
  verb.option("HF_DIR", options->folder, "folder to write; it must not contain a model").required();
  add_ema_flag(verb, options->weights);
  verb.option("--dtype", options->dtype, "type of the weights: bf16 or fp32").one_of({"bf16", "fp32"});
  verb.option("--shard-gb", options->shard_gb, "largest size of a file's tensors, in GB").range(0.001, 1e6);
  verb.on_use([options, &context] { context.exit_code = export_run(*options, context); });
}

}  // namespace dsrun
