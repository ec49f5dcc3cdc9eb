// Makes a byte-level BPE vocabulary from text, and gives it as a tokenizer.json that this program and the `tokenizers`
// library load. The vocabulary is the one that the library's BpeTrainer makes. Again and again the most frequent pair
// of neighbours becomes a token; of equals, the pair with the lower ids. So the order of the texts does not matter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

struct BpeTraining {
  std::int32_t vocab_size = 0;  // with 256 bytes and the special tokens; less where the text has no more pairs
  std::string pre_tokenizer = "deepseek-v3";  // or "gpt2"
  // Take the first ids. By default DeepSeek-V3's, those of fill-in-the-middle among them.
  std::vector<std::string> special_tokens = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>",
                                             "<｜fim▁hole｜>",          "<｜fim▁begin｜>",       "<｜fim▁end｜>"};
  std::int64_t min_frequency = 2;  // of a pair, to become a token
};

struct TrainedVocabulary {
  std::string tokenizer_json;
  std::int32_t size = 0;         // tokens
  std::int64_t text_tokens = 0;  // of all the texts, as if they held no special token
};

class BpeTrainer {
 public:
  // Throws TokenizerError if that cannot be.
  explicit BpeTrainer(BpeTraining how);
  ~BpeTrainer();

  void add(std::string_view text);  // memory grows with the number of different words, not with the text
  TrainedVocabulary train() const;
  std::int64_t num_words() const;  // different ones

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dsrun
