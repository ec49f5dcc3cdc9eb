#include "runtime/memory/workspace.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/check.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {
Workspace::Workspace(std::function<void(std::ptrdiff_t)> counted, const MemorySource& source)
    : counted_(std::move(counted)), source_(source) {}

Workspace::~Workspace() { release_all(); }

std::int64_t Workspace::rounded(std::int64_t num_bytes) {
  constexpr auto step = static_cast<std::int64_t>(cache_line_bytes);
  return (std::max<std::int64_t>(num_bytes, 1) + step - 1) / step * step;
}

void Workspace::reserve(std::int64_t num_bytes) {
  require(taken_ == 0, "a workspace is reserved before anything is taken");
  release_all();
  if (num_bytes > 0) add_block(static_cast<std::size_t>(num_bytes));
}

void Workspace::count_elsewhere(std::ptrdiff_t change) {
  if (counted_) counted_(change);
}

void* Workspace::take(std::size_t num_bytes) {
  const auto need = static_cast<std::size_t>(rounded(static_cast<std::int64_t>(num_bytes)));
  while (block_ < blocks_.size() && used_ + need > blocks_[block_].size) {
    ++block_;
    used_ = 0;
  }
  taken_ += need;
  peak_ = std::max(peak_, taken_);
  if (block_ == blocks_.size()) add_block(blocks_.empty() ? peak_ : need);
  char* start = blocks_[block_].data + used_;
  used_ += need;
  return start;
}

void Workspace::add_block(std::size_t num_bytes) {
  blocks_.reserve(blocks_.size() + 1);
  char* data = source_.allocate(num_bytes);
  if (data == nullptr) throw std::bad_alloc();
  blocks_.push_back({data, num_bytes});
  held_ += num_bytes;
  if (counted_) counted_(static_cast<std::ptrdiff_t>(num_bytes));
}

void Workspace::release_all() {
  for (const Block& block : blocks_) source_.release(block.data, block.size);
  if (counted_ && held_ > 0) counted_(-static_cast<std::ptrdiff_t>(held_));
  blocks_.clear();
  held_ = 0;
  block_ = 0;
  used_ = 0;
}

Workspace::Scope::Scope(Workspace& workspace)
    : workspace_(workspace), block_(workspace.block_), used_(workspace.used_), taken_(workspace.taken_) {}

Workspace::Scope::~Scope() {
  workspace_.block_ = block_;
  workspace_.used_ = used_;
  workspace_.taken_ = taken_;
  // What a growing call left in pieces goes, so that the next call finds one piece of the largest need.
  if (taken_ == 0 && workspace_.blocks_.size() > 1) workspace_.release_all();
}

}  // namespace dsrun
