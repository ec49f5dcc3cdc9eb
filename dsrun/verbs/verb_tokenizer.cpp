// dsrun tokenizer train: a byte-level BPE vocabulary from texts, as a tokenizer.json. dsrun tokenizer show: what one
// is.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsrun/verbs/verbs.hpp"
#include "runtime/data/documents.hpp"
#include "runtime/state/checkpoint/files.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/tokenizer.hpp"
#include "runtime/tokenizer/train/train.hpp"
#include "runtime/tokenizer/unicode/properties.hpp"

namespace dsrun {
namespace {

struct TrainOptions {
  BpeTraining how;
  DocumentKind documents;
  std::string out, output = "text";
  std::vector<std::string> files;
};

// Gives the trainer all documents; returns their bytes.
std::int64_t add_texts(DocumentReader& reader, BpeTrainer& trainer) {
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
    DocumentReader reader(options.files, options.documents);
    const std::int64_t bytes = add_texts(reader, trainer);
    print_oddities(reader.oddities(), context);
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

struct ShowOptions {
  std::string file, output = "text";
};

int show(const ShowOptions& options) {
  try {
    const Tokenizer tokenizer = Tokenizer::load(options.file);
    const std::optional<std::int32_t> end = tokenizer.end_token();
    const std::string end_name = end ? tokenizer.decode({&*end, 1}) : "";
    if (options.output == "json") {
      const nlohmann::json object = {{"version", 1},
                                     {"vocab_size", tokenizer.vocab_size()},
                                     {"end_token", end ? nlohmann::json(*end) : nlohmann::json()},
                                     {"unicode", unicode_version},
                                     {"hash", fmt::format("{:016x}", tokenizer.hash())}};
      fmt::print("{}\n", object.dump(2));
      return exit_done;
    }
    fmt::print("{}: {} tokens, {}; hash {:016x}\n", options.file, tokenizer.vocab_size(),
               end ? fmt::format("a document ends with {} ({})", end_name, *end) : "no known end token",
               tokenizer.hash());
    fmt::print("letters, numbers and scripts are those of Unicode {}, as in the tokenizers library 0.23\n",
               unicode_version);
    return exit_done;
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

void add_show(Verb& verb, Context& context) {
  auto options = std::make_shared<ShowOptions>();
  Verb showing = verb.add("show", "print size, end token and Unicode version of a tokenizer");
  showing.option("FILE", options->file, "tokenizer.json or tiktoken.model").required();
  showing.option("-o,--output", options->output, "output format: text or json").one_of({"text", "json"});
  showing.on_use([options, &context] { context.exit_code = show(*options); });
}

}  // namespace

void add_tokenizer(CommandLine& app, Context& context) {
  Verb verb =
      app.add("tokenizer", fmt::format("train and show tokenizers; their Unicode is version {}", unicode_version));
  add_show(verb, context);
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
