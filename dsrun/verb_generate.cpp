// dsrun generate RUN|HF_DIR: goes on with a text, a forward pass a token.
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "dsrun/trained_model.hpp"
#include "dsrun/verbs.hpp"
#include "runtime/sampling.hpp"

namespace dsrun {
namespace {

struct GenerateOptions {
  std::string model, prompt = "\n";
  int tokens = 200;
  Sampling sampling;
  SavedWeights weights = SavedWeights::last;
};

int generate(const GenerateOptions& options) {
  try {
    const TrainedModel trained = find_trained_model(options.model, options.weights);
    if (trained.model.vocab_size != 256)
      return refuse(exit_usage, fmt::format("{} has {} tokens: only models that read bytes (256) generate text",
                                            trained.what, trained.model.vocab_size));
    std::vector<std::int32_t> text;
    for (const char byte : options.prompt) text.push_back(static_cast<std::uint8_t>(byte));
    if (text.empty()) return refuse(exit_usage, "the prompt is empty");
    const auto window =
        std::min(static_cast<std::size_t>(trained.length), text.size() + static_cast<std::size_t>(options.tokens));
    const auto model = trained.load({.precision = trained.precision, .longest = static_cast<int>(window)});
    fmt::print("{}", options.prompt);
    for (int number = 0; number < options.tokens; ++number) {
      const std::size_t seen = std::min(window, text.size());
      const std::vector<float> logits = model->logits(std::span(text).last(seen), seen - 1);
      text.push_back(sample_token(logits, options.sampling, static_cast<std::uint64_t>(number)));
      std::fputc(text.back(), stdout);
      std::fflush(stdout);
    }
    fmt::print("\n");
    return exit_done;
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* verb = app.add_subcommand("generate", "go on with a text (models that read bytes)");
  verb->add_option("MODEL", options->model, "a run's folder, or one in Hugging Face's form")->required();
  add_ema_flag(*verb, options->weights);
  verb->add_option("--prompt", options->prompt, "the text to go on with");
  verb->add_option("--tokens", options->tokens, "how many to add")->check(CLI::Range(1, 1 << 20));
  verb->add_option("--temperature", options->sampling.temperature, "0: always the likeliest")
      ->check(CLI::Range(0.0, 100.0));
  verb->add_option("--top-p", options->sampling.top_p, "sample among the likeliest tokens with this much probability")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--seed", options->sampling.seed, "of the choice");
  verb->callback([options, &context] { context.exit_code = generate(*options); });
}

}  // namespace dsrun
