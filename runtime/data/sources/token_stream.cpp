#include "runtime/data/sources/token_stream.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace dsrun {
namespace {

// The last entry of `begins` that is not above `position`, the end aside.
std::size_t place_of(const std::vector<std::int64_t>& begins, std::int64_t position) {
  return static_cast<std::size_t>(std::upper_bound(begins.begin(), begins.end() - 1, position) - begins.begin()) - 1;
}

}  // namespace

TokenStream::TokenStream(std::vector<TokenFile> files, double validation_fraction)
    : files_(std::move(files)), begins_{0}, first_documents_{0} {
  for (const TokenFile& file : files_) {
    if (!(file.kind() == kind()))
      throw DataError(fmt::format("{} and {} are not of one tokenizer", files_[0].path(), file.path()));
    begins_.push_back(begins_.back() + file.num_tokens());
    first_documents_.push_back(first_documents_.back() + file.num_documents());
  }
  training_ = end_of_training(validation_fraction);
}

// The begin of the document in which the validation part would begin; that place itself if nothing is before it.
std::int64_t TokenStream::end_of_training(double validation_fraction) const {
  const auto wanted = size() - static_cast<std::int64_t>(static_cast<double>(size()) * validation_fraction);
  if (wanted == size()) return wanted;
  std::int64_t low = 0, high = num_documents();  // document(low) begins at or before `wanted`
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (document(middle).begin <= wanted ? low : high) = middle;
  }
  const std::int64_t begin = num_documents() > 0 ? document(low).begin : 0;
  return begin > 0 ? begin : wanted;
}

TokenRange TokenStream::document(std::int64_t index) const {
  const std::size_t file = place_of(first_documents_, index);
  const TokenRange range = files_[file].document(index - first_documents_[file]);
  return {range.begin + begins_[file], range.end + begins_[file]};
}

void TokenStream::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  for (std::size_t file = place_of(begins_, position); count > 0; ++file) {
    const std::int64_t here = std::min(count, begins_[file + 1] - position);
    files_[file].copy(position - begins_[file], here, tokens);
    position += here;
    count -= here;
    tokens += here;
  }
}

std::int64_t TokenStream::text_bytes() const {
  std::int64_t sum = 0;
  for (const TokenFile& file : files_) sum += file.text_bytes();
  return sum;
}

}  // namespace dsrun
