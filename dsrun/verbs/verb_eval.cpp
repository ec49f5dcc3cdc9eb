// dsrun eval RUN|HF_DIR --data FILES: loss of a model on a text, and how its experts are used.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsrun/run/trained_model.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/data/sources/source.hpp"

namespace dsrun {
namespace {

struct EvalOptions {
  std::string model, tokenizer, output = "text";
  std::vector<std::string> files, accept;
  int threads = 1;
  bool strict = false;
  SavedWeights weights = SavedWeights::last;
};

nlohmann::json report(const TrainedModel& trained, const TokenSource& source, const Evaluation& result) {
  const double loss = result.loss_sum / static_cast<double>(result.tokens);
  const double bytes_per_token = static_cast<double>(source.text_bytes()) / static_cast<double>(source.size());
  nlohmann::json load = nlohmann::json::array();
  for (std::size_t layer = 0; layer < result.expert_counts.size(); ++layer) {
    const auto& counts = result.expert_counts[layer];
    const double mean = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0})) /
                        static_cast<double>(counts.size());
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    load.push_back({{"layer", trained.model.dense_layers + static_cast<int>(layer)},
                    {"max", static_cast<double>(*most) / mean},
                    {"min", static_cast<double>(*least) / mean},
                    {"unused", std::count(counts.begin(), counts.end(), 0)}});
  }
  nlohmann::json object = {{"version", 1},
                           {"model", trained.what},
                           {"tokens", result.tokens},
                           {"loss", loss},
                           {"bytes_per_token", bytes_per_token},
                           {"bits_per_byte", loss / std::numbers::ln2 / bytes_per_token},
                           {"perplexity", std::exp(loss)},
                           {"expert_load", load}};
  if (result.mtp.empty()) return object;
  for (const Evaluation::PredictionDepth& depth : result.mtp)
    object["mtp_loss"].push_back(depth.loss_sum / static_cast<double>(std::max<std::int64_t>(1, depth.tokens)));
  object["mtp_drafted"] = result.drafted;
  object["mtp_acceptance"] =
      static_cast<double>(result.accepted) / static_cast<double>(std::max<std::int64_t>(1, result.drafted));
  return object;
}

void print(const nlohmann::json& report) {
  fmt::print("{}: {} tokens, loss {:.4f} nats, {:.4f} bits per byte, perplexity {:.3f}\n",
             report["model"].get<std::string>(), report["tokens"].get<std::int64_t>(), report["loss"].get<double>(),
             report["bits_per_byte"].get<double>(), report["perplexity"].get<double>());
  if (report.contains("mtp_loss")) {
    fmt::print("multi-token prediction: loss");
    for (const nlohmann::json& loss : report["mtp_loss"]) fmt::print(" {:.4f}", loss.get<double>());
    fmt::print(" nats by depth; acceptance {:.1f} % of {} second tokens, greedy\n",
               100 * report["mtp_acceptance"].get<double>(), report["mtp_drafted"].get<std::int64_t>());
  }
  fmt::print("expert load as a multiple of the mean\n                max    min       unused\n");
  for (const nlohmann::json& layer : report["expert_load"])
    fmt::print("  layer {:<4} {:>8.2f} {:>6.2f} {:>12}\n", layer["layer"].get<int>(), layer["max"].get<double>(),
               layer["min"].get<double>(), layer["unused"].get<int>());
}

int evaluate(const EvalOptions& options, const Context& context) {
  try {
    const TrainedModel trained = find_trained_model(options.model, options.weights, options.accept);
    print_notes(trained.notes);
    const std::optional<Tokenizer> tokenizer = load_tokenizer(trained, options.tokenizer);
    Oddities oddities(options.strict);
    const auto source = open_source(options.files, tokenizer, oddities);
    print_oddities(oddities, context);
    if (source->reads_bytes()) check_reads_bytes(trained);
    if (source->size() < 2) throw DataError("fewer than two tokens: there is nothing to predict");
    if (source->vocab_size() > trained.model.vocab_size)
      throw DataError(fmt::format("tokens of a vocabulary of {}, but {} has {}", source->vocab_size(), trained.what,
                                  trained.model.vocab_size));
    const auto model = trained.load({.precision = trained.precision,
                                     .longest = trained.length,
                                     .sequences = std::max(1, 2048 / trained.length),
                                     .num_threads = options.threads,
                                     .prediction_modules = true});
    const nlohmann::json found = report(trained, *source, model->evaluate(source));
    if (options.output == "json")
      fmt::print("{}\n", found.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    else
      print(found);
    return exit_done;
  } catch (const DataError& error) {
    return refuse(exit_job_file, fmt::format("--data: {}", error.what()));
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_eval(CommandLine& app, Context& context) {
  auto options = std::make_shared<EvalOptions>();
  Verb verb = app.add("eval", "measure loss, bits per byte and expert load of a model on a text");
  verb.option("MODEL", options->model, "folder of a run, or of a model in Hugging Face format").required();
  add_ema_flag(verb, options->weights);
  add_accept_option(verb, options->accept);
  verb.option("--data", options->files, "text files or token files; globs are allowed").required();
  verb.flag("--strict", options->strict, "stop at a file that is empty or compressed; default: skip it");
  verb.option("--tokenizer", options->tokenizer,
              "tokenizer.json or tiktoken.model for the text; default: the model's own");
  verb.option("--threads", options->threads, "number of threads for matrix products").range(1, 1024);
  verb.option("-o,--output", options->output, "output format: text or json").one_of({"text", "json"});
  verb.on_use([options, &context] { context.exit_code = evaluate(*options, context); });
}

}  // namespace dsrun
