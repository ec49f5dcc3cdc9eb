// FimSource: fill-in-the-middle. It rearranges a share of the training documents as prefix, suffix, middle (arXiv
// 2207.14255, in DeepSeek-V3's form, arXiv 2412.19437 section 4.1):
//
//   begin prefix hole suffix end middle [end token of the document]
//
// The seed and a document's number decide whether and where it is cut. So cuts are the same in every epoch and on every
// mesh. The cuts lie between tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/data/sources/token_source.hpp"

namespace dsrun {

struct FimTokens {
  std::int32_t begin = 0;
  std::int32_t hole = 0;
  std::int32_t end = 0;
};

class FimSource : public TokenSource {
 public:
  // Keeps 8 bytes for each training document. Documents of the validation part, and a document that reaches into that
  // part, stay as they are.
  FimSource(std::shared_ptr<const TokenSource> source, double rate, FimTokens tokens, std::uint64_t seed);

  std::int64_t size() const override { return source_->size() + added(); }
  std::int64_t training_size() const override { return source_->training_size() + added(); }
  std::int64_t num_documents() const override { return source_->num_documents(); }
  TokenRange document(std::int64_t index) const override;
  void copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const override;
  std::int32_t end_token() const override { return source_->end_token(); }
  std::int32_t vocab_size() const override { return source_->vocab_size(); }
  std::int64_t text_bytes() const override { return source_->text_bytes(); }

  bool is_cut(std::int64_t document) const;

 private:
  struct Cut {
    std::int64_t first, second;  // the middle's begin and end, from the document's begin
  };
  std::int64_t added() const { return begins_.back() - source_end_; }
  std::int64_t body(const TokenRange& range) const { return range.size() - (source_->end_token() >= 0 ? 1 : 0); }
  Cut cut_of(std::int64_t document, std::int64_t body) const;
  void copy_cut(std::int64_t document, std::int64_t from, std::int64_t count, std::int32_t* tokens) const;

  std::shared_ptr<const TokenSource> source_;
  double rate_;
  FimTokens tokens_;
  std::uint64_t seed_;
  std::vector<std::int64_t> begins_;  // here, of each whole training document, and where the last of them ends
  std::int64_t source_end_ = 0;       // the same place in source_
};

}  // namespace dsrun
