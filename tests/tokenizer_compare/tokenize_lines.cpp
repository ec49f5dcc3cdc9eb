// tokenize_lines TOKENIZER.json: reads texts as JSON strings, one a line, and prints for each [tokens, tokens with
// special ones, decoded text]: tests/fixtures/make_tokenizer.py compares them with the reference's.
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "runtime/tokenizer/tokenizer.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const dsrun::Tokenizer tokenizer = dsrun::Tokenizer::load(argv[1]);
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    const std::vector<std::int32_t> tokens = tokenizer.encode(text, false);
    std::cout << nlohmann::json{tokens, tokenizer.encode(text, true), tokenizer.decode(tokens)} << '\n';
  }
}
