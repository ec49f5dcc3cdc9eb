// dsrun tokenizer train: a byte-level BPE vocabulary from texts, as a tokenizer.json.
#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsrun/verbs/verbs.hpp"
#include "runtime/data/documents.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/tokenizer.hpp"
#include "runtime/tokenizer/train/train.hpp"

namespace dsrun {
namespace {

struct TrainOptions {
  BpeTraining how;
  DocumentKind documents;
  std::string out, output = "text";
  std::vector<std::string> files;
};

// Gives the trainer all documents; returns their bytes.
std::int64_t add_texts(const TrainOptions& options, BpeTrainer& trainer) {
  DocumentReader reader(options.files, options.documents);
  std::int64_t bytes = 0;
  for (;;) {
    const std::vector<DocumentText> block = reader.next_block();
    if (block.empty()) return bytes;
    for (const DocumentText& document : block) {
      trainer.add(document.text());
      bytes += static_cast<std::int64_t>(document.text().size());
    }
  }
}

void report(const TrainOptions& options, const BpeTrainer& trainer, const TrainedVocabulary& made, std::int64_t bytes,
            double seconds) {
  if (options.output == "json") {
    const nlohmann::json object = {{"version", 1},
                                   {"vocab_size", made.size},
                                   {"text_bytes", bytes},
                                   {"text_tokens", made.text_tokens},
                                   {"words", trainer.num_words()},
                                   {"seconds", seconds}};
    fmt::print("{}\n", object.dump(2));
    return;
  }
  const double per_token = static_cast<double>(bytes) / std::max(1.0, static_cast<double>(made.text_tokens));
  fmt::print("{}: {} tokens, from {} different words of {:.1f} MB, {:.2f} bytes per token; {:.1f} s\n", options.out,
             made.size, trainer.num_words(), static_cast<double>(bytes) / 1e6, per_token, seconds);
}

int train(const TrainOptions& options, const Context& context) {
  try {
    const auto start = std::chrono::steady_clock::now();
    BpeTrainer trainer(options.how);
    const std::int64_t bytes = add_texts(options, trainer);
    const TrainedVocabulary made = trainer.train();
    Tokenizer::parse(made.tokenizer_json, options.out);  // what is written loads
    const Bytes whole{made.tokenizer_json.data(), made.tokenizer_json.size()};
    write_synced(options.out, {&whole, 1});
    report(options, trainer, made, bytes,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (made.size < options.how.vocab_size && !context.quiet())
      fmt::print(stderr,
                 "dsrun: the vocabulary has fewer tokens than {}: no other pair occurs {} times (--min-frequency)\n",
                 options.how.vocab_size, options.how.min_frequency);
    return exit_done;
  } catch (const DataError& error) {
    return refuse(exit_job_file, error.what());
  } catch (const TokenizerError& error) {
    return refuse(exit_usage, error.what());
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_tokenizer(CommandLine& app, Context& context) {
  Verb verb = app.add("tokenizer", "train tokenizers");
  auto options = std::make_shared<TrainOptions>();
  Verb training = verb.add("train", "train a byte-level BPE tokenizer on texts");
  training.option("FILES", options->files, "text files; globs are allowed").required();
  training
      .option("--vocab", options->how.vocab_size,
              "vocabulary size in tokens, including the 256 bytes and the special tokens")
      .required()
      .range(257, 1 << 24);
  training.option("--out", options->out, "tokenizer.json to write").required();
  training.option("--pre-tokenizer", options->how.pre_tokenizer, "model whose rules split text into words")
      .one_of({"deepseek-v3", "gpt2"});
  training.option("--special", options->how.special_tokens, "special token; repeatable; default: those of DeepSeek-V3")
      .one_word_each();  // FILES that follow are no names of tokens
  training.option("--min-frequency", options->how.min_frequency, "lowest count of a pair that becomes a token")
      .range(std::int64_t{1}, std::int64_t{1} << 40);
  add_document_options(training, options->documents);
  training.option("-o,--output", options->output, "output format: text or json").one_of({"text", "json"});
  training.on_use([options, &context] { context.exit_code = train(*options, context); });
}

}  // namespace dsrun
