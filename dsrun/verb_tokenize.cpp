// dsrun tokenize: texts as a token file, once, so that training has only to map it.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsrun/verbs.hpp"
#include "runtime/data/documents.hpp"
#include "runtime/data/token_file.hpp"
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

// Documents that one worker encodes at a time.
struct Block {
  std::vector<DocumentText> documents;
  std::vector<std::vector<std::int32_t>> tokens;
  std::exception_ptr fault;
  bool done = false;
};

// Workers that encode blocks; blocks leave in the order in which they came, few of them are under way.
class Encoders {
 public:
  Encoders(const Tokenizer& tokenizer, std::int32_t end_token, unsigned threads)
      : tokenizer_(tokenizer), end_token_(end_token), most_(4 * std::size_t{threads}) {
    for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ~Encoders() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Encoders(const Encoders&) = delete;
  Encoders& operator=(const Encoders&) = delete;

  bool full() const { return blocks_.size() >= most_; }
  bool empty() const { return blocks_.empty(); }

  void put(std::vector<DocumentText> documents) {
    auto block = std::make_shared<Block>();
    block->documents = std::move(documents);
    {
      const std::lock_guard lock(mutex_);
      blocks_.push_back(block);
      waiting_.push_back(std::move(block));
    }
    changed_.notify_all();
  }

  // Waits for the oldest block; throws what its encoding threw.
  std::shared_ptr<Block> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return blocks_.front()->done; });
    auto block = std::move(blocks_.front());
    blocks_.pop_front();
    if (block->fault) std::rethrow_exception(block->fault);
    return block;
  }

 private:
  void work() {
    TokenizerScratch scratch;
    for (std::unique_lock lock(mutex_);;) {
      changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
      if (closed_) return;
      const std::shared_ptr<Block> block = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      try {
        encode(*block, scratch);
      } catch (...) {
        block->fault = std::current_exception();
      }
      lock.lock();
      block->done = true;
      changed_.notify_all();
    }
  }

  void encode(Block& block, TokenizerScratch& scratch) const {
    for (const DocumentText& document : block.documents) {
      std::vector<std::int32_t>& tokens = block.tokens.emplace_back();
      tokenizer_.encode(document.text(), false, scratch, tokens);
      if (end_token_ >= 0) tokens.push_back(end_token_);
    }
  }

  const Tokenizer& tokenizer_;
  std::int32_t end_token_;
  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Block>> blocks_, waiting_;
  bool closed_ = false;
  std::vector<std::thread> workers_;
};

void write_all(const TokenizeOptions& options, const Tokenizer& tokenizer, std::int32_t end_token,
               TokenFileWriter& writer) {
  DocumentReader reader(options.files, options.documents);
  Encoders encoders(tokenizer, end_token, options.threads);
  const auto write_one = [&] {
    const std::shared_ptr<Block> block = encoders.take();
    for (std::size_t i = 0; i < block->tokens.size(); ++i)
      writer.add(block->tokens[i], block->documents[i].text().size());
  };
  for (;;) {
    std::vector<DocumentText> documents = reader.next_block();
    if (documents.empty()) break;
    encoders.put(std::move(documents));
    if (encoders.full()) write_one();
  }
  while (!encoders.empty()) write_one();
  writer.finish();
}

void report(const TokenizeOptions& options, const TokenFileWriter& writer, std::int32_t vocab_size, double seconds) {
  const auto bytes = static_cast<double>(writer.text_bytes()), tokens = static_cast<double>(writer.num_tokens());
  if (options.output == "json") {
    const nlohmann::json object = {{"version", 1},
                                   {"documents", writer.num_documents()},
                                   {"tokens", writer.num_tokens()},
                                   {"text_bytes", writer.text_bytes()},
                                   {"vocab_size", vocab_size},
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
                      ? fmt::format("{} has no token that is known to end a text: name one by --end-token, or say "
                                    "--no-end-token",
                                    options.tokenizer)
                      : fmt::format("{} has no token \"{}\"", options.tokenizer, options.end));
}

int tokenize(const TokenizeOptions& options) {
  try {
    const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
    const std::int32_t end_token = find_end_token(options, tokenizer);
    const auto start = std::chrono::steady_clock::now();
    TokenFileWriter writer(options.out, {tokenizer.vocab_size(), end_token, tokenizer.hash()});
    write_all(options, tokenizer, end_token, writer);
    report(options, writer, tokenizer.vocab_size(),
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return exit_done;
  } catch (const DataError& error) {
    return refuse(exit_job_file, error.what());
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

}  // namespace

void add_document_options(CLI::App& verb, DocumentKind& documents) {
  verb.add_option(
          "--documents", documents.kind,
          "what a document is: each file, each line that is not empty, or jsonl: each line's field of an object")
      ->check(CLI::IsMember({"file", "line", "jsonl"}));
  verb.add_option("--field", documents.field, "of a jsonl line's object: the text");
}

void add_tokenize(CLI::App& app, Context& context) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = app.add_subcommand("tokenize", "write texts as a token file, which training maps into memory");
  verb->add_option("FILES", options->files, "texts, or globs")->required();
  verb->add_option("--tokenizer", options->tokenizer, "tokenizer.json")->required();
  verb->add_option("--out", options->out, "the token file")->required();
  add_document_options(*verb, options->documents);
  auto* end = verb->add_option("--end-token", options->end, "put after each document; without: the tokenizer's own");
  verb->add_flag("--no-end-token", options->no_end, "put nothing after a document")->excludes(end);
  verb->add_option("--threads", options->threads, "the result is the same for any")->check(CLI::Range(1, 1024));
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->callback([options, &context] { context.exit_code = tokenize(*options); });
}

}  // namespace dsrun
