// dsrun export RUN HF_DIR: a run's newest checkpoint as a model in Hugging Face's form.
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "dsl/parse.hpp"
#include "dsrun/export/export_model.hpp"
#include "dsrun/run/imported_files.hpp"
#include "dsrun/run/trained_model.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {
namespace {

struct ExportArguments {
  ExportOptions options;
  std::string run, dtype = "bf16";
  std::vector<std::string> like, tokenizer;  // empty: as the job says
};

// Where what training does not change is read: as the command line says, else from the run's own copies, else as its
// job says.
void choose_sources(const ExportArguments& arguments, Job& job) {
  const std::filesystem::path run(arguments.run), kept = run / kept_import;
  std::string &imported = job.model.init_from, &tokenizer = job.data.tokenizer;
  if (!arguments.like.empty())
    imported = arguments.like.back();
  else if (!imported.empty())
    imported = std::filesystem::exists(kept / "config.json") ? kept : run / imported;
  if (!arguments.tokenizer.empty())
    tokenizer = arguments.tokenizer.back();
  else if (!tokenizer.empty())
    tokenizer = run / tokenizer;
}

int export_run(ExportArguments arguments, Context& context) {
  ExportOptions& options = arguments.options;
  options.narrow = arguments.dtype == "bf16";
  ParseResult parsed = parse_job_file(arguments.run + "/job.toml");
  if (!parsed.job) {
    std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
    return exit_usage;
  }
  Job& job = *parsed.job;
  choose_sources(arguments, job);
  if (job.model.latent_norm_eps != 1e-6)
    return refuse(exit_usage, fmt::format("model.latent_norm_eps is {}: transformers supports only 1e-6",
                                          job.model.latent_norm_eps));
  try {
    const SavedState saved = find_saved_weights(arguments.run, options.weights);
    const std::vector<std::string> notes = export_model(options, job, saved);
    if (context.quiet()) return exit_done;
    print_notes(notes);
    fmt::print(stderr, "dsrun: step {} of {} is in {} as {}\n", saved.step(), arguments.run, options.folder,
               arguments.dtype);
    return exit_done;
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_export(CommandLine& app, Context& context) {
  auto arguments = std::make_shared<ExportArguments>();
  ExportOptions& options = arguments->options;
  Verb verb = app.add("export", "write the newest checkpoint of a run as a model in Hugging Face format");
  verb.option("RUN", arguments->run, "folder of the run").required();
  verb.option("HF_DIR", options.folder, "folder to write; it must not contain a model").required();
  add_ema_flag(verb, options.weights);
  verb.option("--dtype", arguments->dtype, "type of the weights: bf16 or fp32").one_of({"bf16", "fp32"});
  verb.option("--shard-gb", options.shard_gb, "largest size of a file's tensors, in GB").range(0.001, 1e6);
  verb.option("--like", arguments->like,
              "folder of the imported model whose config and tokenizer files the export keeps; \"\": none; default: "
              "model.init_from of the run")
      .one_word_each();
  verb.option("--tokenizer", arguments->tokenizer,
              "file of the run's tokenizer; \"\": none; default: data.tokenizer of the run")
      .one_word_each();
  verb.on_use([arguments, &context] { context.exit_code = export_run(*arguments, context); });
}

}  // namespace dsrun
