#include "runtime/data/sources/corpus.hpp"

#include <algorithm>

namespace dsrun {

Corpus::Corpus(std::vector<MappedFile> files, double validation_fraction) : files_(std::move(files)), begins_{0} {
  for (const MappedFile& file : files_) begins_.push_back(begins_.back() + file.size());
  training_ = size() - static_cast<std::int64_t>(static_cast<double>(size()) * validation_fraction);
}

TokenRange Corpus::document(std::int64_t index) const {
  const auto at = static_cast<std::size_t>(index);
  return {begins_[at], begins_[at + 1]};
}

void Corpus::copy(std::int64_t position, std::int64_t count, std::int32_t* tokens) const {
  auto at = static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), position) - begins_.begin() - 1);
  for (; count > 0; ++at) {
    const std::int64_t here = std::min(count, begins_[at + 1] - position);
    std::copy_n(files_[at].data() + (position - begins_[at]), here, tokens);
    position += here;
    count -= here;
    tokens += here;
  }
}

}  // namespace dsrun
