// dsrun generate RUN|HF_DIR: goes on with a text, a forward pass a token.
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "dsrun/run/trained_model.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/sampling.hpp"

namespace dsrun {
namespace {

struct GenerateOptions {
  std::string model, tokenizer, prompt = "\n";
  std::vector<std::string> accept;
  int tokens = 200;
  Sampling sampling;
  SavedWeights weights = SavedWeights::last;
};

std::vector<std::int32_t> tokens_of(const std::string& prompt, const std::optional<Tokenizer>& tokenizer) {
  if (tokenizer) return tokenizer->encode(prompt, true);
  std::vector<std::int32_t> bytes;
  for (const char byte : prompt) bytes.push_back(static_cast<std::uint8_t>(byte));
  return bytes;
}

std::string bytes_of(std::int32_t token, const std::optional<Tokenizer>& tokenizer) {
  if (!tokenizer) return std::string(1, static_cast<char>(token));
  return tokenizer->decode_bytes({&token, 1});
}

int generate(const GenerateOptions& options) {
  try {
    const TrainedModel trained = find_trained_model(options.model, options.weights, options.accept);
    print_notes(trained.notes);
    const std::optional<Tokenizer> tokenizer = load_tokenizer(trained, options.tokenizer);
    if (!tokenizer) check_reads_bytes(trained);
    std::vector<std::int32_t> text = tokens_of(options.prompt, tokenizer);
    if (text.empty()) return refuse(exit_usage, "the prompt is empty");
    const std::int32_t end = tokenizer ? tokenizer->end_token().value_or(-1) : -1;
    const auto window =
        std::min(static_cast<std::size_t>(trained.length), text.size() + static_cast<std::size_t>(options.tokens));
    const auto model = trained.load({.precision = trained.precision, .longest = static_cast<int>(window)});
    fmt::print("{}", options.prompt);
    for (int number = 0; number < options.tokens; ++number) {
      const std::size_t seen = std::min(window, text.size());
      const std::vector<float> logits = model->logits(std::span(text).last(seen), seen - 1);
      text.push_back(sample_token(logits, options.sampling, static_cast<std::uint64_t>(number)));
      if (text.back() == end) break;
      fmt::print("{}", bytes_of(text.back(), tokenizer));
      std::fflush(stdout);
    }
    fmt::print("\n");
    return exit_done;
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_generate(CommandLine& app, Context& context) {
  auto options = std::make_shared<GenerateOptions>();
  Verb verb = app.add("generate", "continue a text");
  verb.option("MODEL", options->model, "folder of a run, or of a model in Hugging Face format").required();
  add_ema_flag(verb, options->weights);
  add_accept_option(verb, options->accept);
  verb.option("--prompt", options->prompt, "text to continue");
  verb.option("--tokenizer", options->tokenizer, "tokenizer.json for the text; default: the model's own");
  verb.option("--tokens", options->tokens, "number of tokens to add").range(1, 1 << 20);
  verb.option("--temperature", options->sampling.temperature, "sampling temperature; 0: always the most likely token")
      .range(0.0, 100.0);
  verb.option("--top-p", options->sampling.top_p,
              "sample among the most likely tokens that together have this probability")
      .range(0.0, 1.0);
  verb.option("--seed", options->sampling.seed, "seed for sampling");
  verb.on_use([options, &context] { context.exit_code = generate(*options); });
}

}  // namespace dsrun
