#include "runtime/data/sources/tokenize.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace dsrun {
namespace {

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

}  // namespace

void tokenize_documents(DocumentReader& reader, const Tokenizer& tokenizer, unsigned threads, TokenFileWriter& writer) {
  Encoders encoders(tokenizer, writer.kind().end_token, threads);
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
}

}  // namespace dsrun
