// How fast one thread encodes documents that are in memory, with no word remembered from before.
//
//   bench_tokenize                            data/kjv.txt, in documents of 4 KB and whole, a vocabulary of its own by
//                                             each pre-tokenizer
//   bench_tokenize TOKENIZER DOCUMENTS.jsonl  megabytes a second: tests/bench/tokenize_against_library.py asks
#include <algorithm>
#include <filesystem>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "runtime/data/documents.hpp"
#include "runtime/tokenizer/tokenizer.hpp"
#include "runtime/tokenizer/train/train.hpp"
#include "tests/bench/bench_ops.hpp"

namespace dsrun::bench {
namespace {

constexpr int num_turns = 5;
constexpr std::size_t document_bytes = 4096;
constexpr std::int32_t vocab_size = 32000;

std::vector<DocumentText> read_all(const std::string& path, const DocumentKind& kind) {
  DocumentReader reader({path}, kind);
  std::vector<DocumentText> all;
  for (;;) {
    std::vector<DocumentText> block = reader.next_block();
    if (block.empty()) return all;
    std::move(block.begin(), block.end(), std::back_inserter(all));
  }
}

// The median of the turns, each with a scratch of its own.
double megabytes_a_second(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents) {
  std::vector<double> seconds;
  std::vector<std::int32_t> tokens;
  for (int turn = 0; turn < num_turns; ++turn) {
    const double start = thread_seconds();
    TokenizerScratch scratch;
    for (const std::string_view document : documents) {
      tokens.clear();
      tokenizer.encode(document, false, scratch, tokens);
    }
    seconds.push_back(thread_seconds() - start);
  }
  std::nth_element(seconds.begin(), seconds.begin() + num_turns / 2, seconds.end());
  const std::size_t bytes =
      std::accumulate(documents.begin(), documents.end(), std::size_t{0},
                      [](std::size_t sum, std::string_view document) { return sum + document.size(); });
  return static_cast<double>(bytes) * 1e-6 / seconds[num_turns / 2];
}

int time_documents(const char* tokenizer, const char* path) {
  const std::vector<DocumentText> texts = read_all(path, {"jsonl", "text"});
  std::vector<std::string_view> documents;
  for (const DocumentText& each : texts) documents.push_back(each.text());
  fmt::print("{:.3f}\n", megabytes_a_second(Tokenizer::load(tokenizer), documents));
  return 0;
}

int time_corpus(const char* path) {
  if (!std::filesystem::exists(path)) {
    fmt::print(stderr, "{} is missing: ./dev quickstart makes it\n", path);
    return 1;
  }
  const std::vector<DocumentText> whole = read_all(path, {});
  const std::string_view text = whole[0].text();
  std::vector<std::string_view> documents;  // ASCII: any cut is one between characters
  for (std::size_t at = 0; at < text.size(); at += document_bytes) documents.push_back(text.substr(at, document_bytes));
  fmt::print("{:<14} {:>6} {:>15} {:>15}\n", "pre-tokenizer", "vocab", "4 KB, MB/s", "whole, MB/s");
  for (const char* pre_tokenizer : {"deepseek-v3", "gpt2"}) {
    BpeTrainer trainer({vocab_size, pre_tokenizer});
    trainer.add(text);
    const Tokenizer tokenizer = Tokenizer::parse(trainer.train().tokenizer_json, pre_tokenizer);
    fmt::print("{:<14} {:>6} {:>15.1f} {:>15.1f}\n", pre_tokenizer, tokenizer.vocab_size(),
               megabytes_a_second(tokenizer, documents), megabytes_a_second(tokenizer, {text}));
  }
  return 0;
}

}  // namespace
}  // namespace dsrun::bench

int main(int argc, char** argv) {
  return argc == 3 ? dsrun::bench::time_documents(argv[1], argv[2]) : dsrun::bench::time_corpus("data/kjv.txt");
}
