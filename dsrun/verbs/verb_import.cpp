// dsrun import HF_DIR: reads a model in Hugging Face's form whole, and prints a job file that starts from it.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "dsl/parse.hpp"
#include "dsl/text/utf8.hpp"
#include "dsl/write.hpp"
#include "dsrun/run/trained_model.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "models/arch/trainer_habits.hpp"
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

bool are_equal(const SafetensorsModel& files, const SafetensorsTensor& one, const SafetensorsTensor& other) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<float> left, right;
  for (std::int64_t at = 0; at < one.size(); at += most) {
    left.resize(static_cast<std::size_t>(std::min(most, one.size() - at)));
    right.resize(left.size());
    files.read_f32(one, at, left);
    files.read_f32(other, at, right);
    if (left != right) return false;
  }
  return true;
}

// Prediction modules use the main model's embedding and head: a copy in the files that is another has no effect.
void warn_of_other_copies(const Pretrained& pretrained) {
  const SafetensorsModel& files = pretrained.files;
  for (const HuggingFaceTensor& each : pretrained.table.tensors()) {
    const SafetensorsTensor* copy = each.is_copy ? files.find(each.name) : nullptr;
    if (copy == nullptr) continue;
    const HuggingFaceTensor& of = pretrained.table.parts_of(each.param)[0];
    const SafetensorsTensor& used = files.get(of.name, of.dims);
    if (!files.reads_as_f32(*copy) || copy->dims != used.dims || !are_equal(files, used, *copy))
      fmt::print(stderr, "dsrun: {} differs from {}, which is used instead\n", each.name, of.name);
  }
}

Job with_model(Job job, const Pretrained& pretrained, const std::vector<std::string>& accept) {
  job.model = pretrained.config.model;
  job.model.accept = accept;
  job.model.init_from = pretrained.folder;
  job.model.byte_vocab = job.model.vocab_size == 256;
  if (!job.model.byte_vocab) job.data.tokenizer = find_tokenizer(pretrained.folder);
  return job;
}

struct ImportOptions {
  std::string folder, name = "imported";
  std::vector<std::string> accept;
};

void import(const ImportOptions& options, Context& context) {
  const auto& [folder, name, accept] = options;
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
    const Pretrained pretrained = open_pretrained(absolute, accept);
    const std::int64_t parameters = read_all(pretrained);
    warn_of_other_copies(pretrained);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto gigabytes = static_cast<double>(pretrained.files.num_bytes()) * 1e-9;
    print_notes(pretrained.notes);
    print_notes(trainer_habits(pretrained.config.model, load_biases(pretrained, pretrained.config.model)));
    fmt::print(stderr, "dsrun: {} parameters in {} files, {:.3g} GB read in {:.3g} s ({:.2f} GB/s); all are finite\n",
               parameters, pretrained.files.files().size(), gigabytes, seconds, gigabytes / seconds);
    fmt::print("# From {}/config.json. The job reads its initial weights from that folder.\n{}", pretrained.folder,
               to_toml(with_model(*starter.job, pretrained, accept)));
  } catch (const StorageError& error) {
    context.exit_code = refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_import(CommandLine& app, Context& context) {
  auto options = std::make_shared<ImportOptions>();
  Verb verb =
      app.add("import", "check a DeepSeek-V3 model in Hugging Face format and print a job file that starts from it");
  verb.option("HF_DIR", options->folder, "folder with config.json and safetensors files").required();
  verb.option("--name", options->name, "name of the job");
  add_accept_option(verb, options->accept);
  verb.on_use([options, &context] { import(*options, context); });
}

}  // namespace dsrun
