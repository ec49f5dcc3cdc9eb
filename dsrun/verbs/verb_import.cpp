// dsrun import HF_DIR: reads a model in Hugging Face's form whole, and prints a job file that starts from it.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "dsl/parse.hpp"
#include "dsl/text/utf8.hpp"
#include "dsl/write.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {
namespace {

// Reads every weight as a job would. Throws SafetensorsError for one that is not finite.
std::int64_t read_all(const Pretrained& pretrained) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<float> values;
  std::int64_t elements = 0;
  for (const HuggingFaceTensor& each : pretrained.table.tensors()) {
    if (each.is_copy) continue;
    const SafetensorsTensor& tensor = pretrained.files.get(each.name, each.dims);
    for (std::int64_t at = 0; at < each.size; at += most) {
      values.resize(static_cast<std::size_t>(std::min(most, each.size - at)));
      pretrained.files.read_f32(tensor, at, values);
      float sum = 0;  // finite only if all are: zero times anything else is no number
      for (const float value : values) sum += value * 0.0F;
      if (sum != 0 || std::isnan(sum))
        throw SafetensorsError(pretrained.files.file_of(tensor), tensor.name, "it holds values that are not finite");
    }
    pretrained.files.release(tensor);
    if (each.moe < 0) elements += each.size;
  }
  return elements;
}

// Prediction modules use the main model's embedding and head: a copy in the files that is another has no effect.
void warn_of_other_copies(const Pretrained& pretrained) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<float> original, copy;
  for (const HuggingFaceTensor& each : pretrained.table.tensors()) {
    if (!each.is_copy || pretrained.files.find(each.name) == nullptr) continue;
    const HuggingFaceTensor& of = pretrained.table.parts_of(each.param)[0];
    const SafetensorsTensor& main = pretrained.files.get(of.name, of.dims);
    const SafetensorsTensor& other = pretrained.files.get(each.name, each.dims);
    bool equal = true;
    for (std::int64_t at = 0; at < each.size && equal; at += most) {
      original.resize(static_cast<std::size_t>(std::min(most, each.size - at)));
      copy.resize(original.size());
      pretrained.files.read_f32(main, at, original);
      pretrained.files.read_f32(other, at, copy);
      equal = original == copy;
    }
    if (!equal) fmt::print(stderr, "dsrun: {} differs from {}, which is used instead\n", each.name, of.name);
  }
}

Job with_model(Job job, const Pretrained& pretrained) {
  job.model = pretrained.config.model;
  job.model.init_from = pretrained.folder;
  job.model.byte_vocab = job.model.vocab_size == 256;
  const std::string tokenizer = pretrained.folder + "/tokenizer.json";
  if (!job.model.byte_vocab && std::filesystem::exists(tokenizer)) job.data.tokenizer = tokenizer;
  return job;
}

void import(const std::string& folder, const std::string& name, Context& context) {
  const ParseResult starter = parse_job_text("", "--name", {fmt::format("job.name=\"{}\"", name), "job.steps=0"});
  const std::string absolute = std::filesystem::absolute(folder).lexically_normal().string();
  if (!starter.job || !is_utf8(absolute)) {
    context.exit_code = refuse(
        exit_usage, starter.job ? fmt::format("{}: a job file cannot name it: it is not UTF-8", printable(absolute))
                                : starter.faults[0].message);
    return;
  }
  try {
    const auto start = std::chrono::steady_clock::now();
    const Pretrained pretrained = open_pretrained(absolute);
    const std::int64_t parameters = read_all(pretrained);
    warn_of_other_copies(pretrained);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto gigabytes = static_cast<double>(pretrained.files.num_bytes()) * 1e-9;
    for (const std::string& note : pretrained.notes) fmt::print(stderr, "dsrun: {}\n", note);
    fmt::print(stderr, "dsrun: {} parameters in {} files, {:.3g} GB read in {:.3g} s ({:.2f} GB/s); all are finite\n",
               parameters, pretrained.files.files().size(), gigabytes, seconds, gigabytes / seconds);
    fmt::print("# From {}/config.json. The job reads its initial weights from that folder.\n{}", pretrained.folder,
               to_toml(with_model(*starter.job, pretrained)));
  } catch (const StorageError& error) {
    context.exit_code = refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_import(CommandLine& app, Context& context) {
  auto folder = std::make_shared<std::string>(), name = std::make_shared<std::string>("imported");
  Verb verb =
      app.add("import", "check a DeepSeek-V3 model in Hugging Face format and print a job file that starts from it");
  verb.option("HF_DIR", *folder, "folder with config.json and safetensors files").required();
  verb.option("--name", *name, "name of the job");
  verb.on_use([folder, name, &context] { import(*folder, *name, context); });
}

}  // namespace dsrun
