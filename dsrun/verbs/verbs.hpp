// The program's verbs. A new one is a file verb_NAME.cpp with a function add_NAME, and a row in main.cpp's table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dsl/job.hpp"
#include "dsrun/exit_codes.hpp"
#include "dsrun/verbs/command_line.hpp"
#include "runtime/data/documents.hpp"

namespace dsrun {

enum class SavedWeights : std::uint8_t;  // actors/state_files.hpp

// What all verbs share. A verb's callback sets exit_code.
struct Context {
  int exit_code = exit_done;
  std::string log_level = "info";  // warn: faults and the summary only; debug: every step
  bool verbose() const { return log_level == "debug"; }
  bool quiet() const { return log_level == "warn"; }
};

void add_run(CommandLine& app, Context& context);
void add_check(CommandLine& app, Context& context);
void add_plan(CommandLine& app, Context& context);
void add_schema(CommandLine& app, Context& context);
void add_init(CommandLine& app, Context& context);
void add_import(CommandLine& app, Context& context);
void add_export(CommandLine& app, Context& context);
void add_eval(CommandLine& app, Context& context);
void add_tokenizer(CommandLine& app, Context& context);
void add_tokenize(CommandLine& app, Context& context);
void add_generate(CommandLine& app, Context& context);
void add_calibrate(CommandLine& app, Context& context);
void add_agent(CommandLine& app, Context& context);
void add_device(CommandLine& app, Context& context);
void add_probe(CommandLine& app, Context& context);
void add_doctor(CommandLine& app, Context& context);

// FILE, --set and -o of a verb that takes a job file.
struct JobOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string output = "text";  // "json"

  VerbOption add_to(Verb& verb, bool with_output = true);  // returns FILE
  bool json() const { return output == "json"; }
  // The job, or nothing after printing every fault to stderr and setting the exit code to 65.
  std::optional<Job> load(Context& context) const;
};

// --ema of a verb that reads weights: the average of a run's weights.
void add_ema_flag(Verb& verb, SavedWeights& weights);

// --accept of a verb that reads a model in Hugging Face's form.
void add_accept_option(Verb& verb, std::vector<std::string>& accept);

// --documents, --field and --strict of a verb that reads texts.
void add_document_options(Verb& verb, DocumentKind& documents);
void print_oddities(const Oddities& oddities, const Context& context);  // to stderr

// Tells people on stderr.
void print_notes(const std::vector<std::string>& notes);

// Says why on stderr; returns the code.
int refuse(ExitCode exit_code, const std::string& message);

// A terminal, and NO_COLOR is not set.
bool colour_on_stderr();
bool colour_on_stdout();

}  // namespace dsrun
