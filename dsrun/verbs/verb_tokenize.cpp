// dsrun tokenize: writes texts as a token file, which training maps into memory.
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/text/utf8.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/data/sources/tokenize.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {
namespace {

struct TokenizeOptions {
  std::string tokenizer, out, end, output = "text";
  DocumentKind documents;
  bool no_end = false;
  std::vector<std::string> files;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

void report(const TokenizeOptions& options, const TokenFileWriter& writer, const Oddities& oddities,
            std::int32_t vocab_size, double seconds) {
  const auto bytes = static_cast<double>(writer.text_bytes()), tokens = static_cast<double>(writer.num_tokens());
  if (options.output == "json") {
    const nlohmann::json object = {{"version", 1},
                                   {"documents", writer.num_documents()},
                                   {"tokens", writer.num_tokens()},
                                   {"text_bytes", writer.text_bytes()},
                                   {"vocab_size", vocab_size},
                                   {"skipped", oddities.num_skipped()},
                                   {"repaired", oddities.num_repaired()},
                                   {"seconds", seconds}};
    fmt::print("{}\n", object.dump(2));
    return;
  }
  fmt::print("{}: {} documents, {} tokens of a vocabulary of {}, {:.2f} bytes per token; {:.1f} MB/s on {} threads\n",
             options.out, writer.num_documents(), writer.num_tokens(), vocab_size, bytes / std::max(tokens, 1.0),
             bytes / 1e6 / seconds, options.threads);
}

std::int32_t find_end_token(const TokenizeOptions& options, const Tokenizer& tokenizer) {
  if (options.no_end) return -1;
  const auto token = options.end.empty() ? tokenizer.end_token() : tokenizer.find_token(options.end);
  if (token) return *token;
  throw DataError(options.end.empty()
                      ? fmt::format("{} has no known end token: name one with --end-token, or use --no-end-token",
                                    options.tokenizer)
                      : fmt::format("{} has no token \"{}\"", options.tokenizer, options.end));
}

int tokenize(const TokenizeOptions& options, const Context& context) {
  try {
    const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
    const std::int32_t end_token = find_end_token(options, tokenizer);
    const auto start = std::chrono::steady_clock::now();
    TokenFileWriter writer(options.out, {tokenizer.vocab_size(), end_token, tokenizer.hash()});
    DocumentReader reader(options.files, options.documents);
    tokenize_documents(reader, tokenizer, options.threads, writer);
    writer.finish();
    print_oddities(reader.oddities(), context);
    report(options, writer, reader.oddities(), tokenizer.vocab_size(),
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return exit_done;
  } catch (const DataError& error) {
    return refuse(exit_job_file, error.what());
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_document_options(Verb& verb, DocumentKind& documents) {
  verb.option("--documents", documents.kind,
              "what a document is: file (each file), line (each line that is not blank) or jsonl (a field of each "
              "line's object)")
      .one_of({"file", "line", "jsonl"});
  verb.option("--field", documents.field, "field of a jsonl object that holds the text; a.b: field b of the object a");
  verb.flag(
      "--strict", documents.strict,
      "stop at what is malformed or holds no text; default: skip or repair it, and say how often and where first");
}

void print_oddities(const Oddities& oddities, const Context& context) {
  if (context.quiet()) return;
  for (const std::string& line : oddities.lines()) fmt::print(stderr, "dsrun: {}\n", printable(line));
}

void add_tokenize(CommandLine& app, Context& context) {
  auto options = std::make_shared<TokenizeOptions>();
  Verb verb = app.add("tokenize", "convert texts into a token file for training");
  verb.option("FILES", options->files, "text files; globs are allowed").required();
  verb.option("--tokenizer", options->tokenizer, "tokenizer.json or tiktoken.model to use").required();
  verb.option("--out", options->out, "token file to write").required();
  add_document_options(verb, options->documents);
  const VerbOption end = verb.option("--end-token", options->end,
                                     "token to put after each document; default: the tokenizer's own end token");
  verb.flag("--no-end-token", options->no_end, "put no token after a document").excludes(end);
  verb.option("--threads", options->threads, "number of threads; it does not change the result").range(1, 1024);
  verb.option("-o,--output", options->output, "output format: text or json").one_of({"text", "json"});
  verb.on_use([options, &context] { context.exit_code = tokenize(*options, context); });
}

}  // namespace dsrun
