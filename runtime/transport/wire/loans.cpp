#include "runtime/transport/wire/loans.hpp"

#include <numeric>
#include <utility>

namespace dsrun {
namespace {

constexpr std::size_t least_loan = std::size_t{16} << 10;  // bytes; copying less costs less than giving it back

}  // namespace

std::optional<LoanHeader> Lender::lend(int process, const TensorHeader& header, Buffer& payload) {
  Peer& peer = peers_.at(static_cast<std::size_t>(process));
  if (peer.refuses || payload.size() < least_loan) return std::nullopt;
  const auto place = payload.shared_place();
  if (!place) return std::nullopt;
  LoanHeader loan{header, place->source, place->offset, payload.size(), next_number_++};
  if (!payload.is_shared()) payload.charge(pool_, MemoryClass::messages);
  peer.loans.emplace(loan.number, Loan{header, std::exchange(payload, {})});
  return loan;
}

void Lender::take_back(int process, std::span<const std::uint64_t> numbers) {
  for (const std::uint64_t number : numbers) peers_.at(static_cast<std::size_t>(process)).loans.erase(number);
}

std::optional<Lender::Loan> Lender::take_refused(int process, std::uint64_t number) {
  Peer& peer = peers_.at(static_cast<std::size_t>(process));
  peer.refuses = true;
  auto node = peer.loans.extract(number);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::size_t Lender::num_lent() const {
  return std::accumulate(peers_.begin(), peers_.end(), std::size_t{0},
                         [](std::size_t sum, const Peer& peer) { return sum + peer.loans.size(); });
}

Borrower::Borrower(int num_processes) { returns_->numbers.resize(static_cast<std::size_t>(num_processes)); }

Buffer Borrower::borrow(int process, const LoanHeader& loan, MemoryPool& pool) {
  const auto [known, is_new] = arenas_.try_emplace(loan.source);
  if (is_new) known->second = MappedArena::open(loan.source);
  const std::shared_ptr<MappedArena>& arena = known->second;
  char* const data = arena ? arena->at(loan.offset, loan.num_bytes) : nullptr;
  if (data == nullptr) return {};
  // Its end gives the loan back; until then the mapping stays.
  const std::shared_ptr<void> lender(
      arena.get(), [returns = returns_, arena, index = static_cast<std::size_t>(process), number = loan.number](void*) {
        const std::lock_guard lock(returns->mutex);
        returns->numbers[index].push_back(number);
        ++returns->count;
      });
  return pool.borrow(data, loan.num_bytes, MemoryClass::messages, lender);
}

bool Borrower::owes() const {
  const std::lock_guard lock(returns_->mutex);
  return returns_->count > 0;
}

std::vector<std::uint64_t> Borrower::take_returns(int process) {
  const std::lock_guard lock(returns_->mutex);
  std::vector<std::uint64_t> numbers = std::exchange(returns_->numbers[static_cast<std::size_t>(process)], {});
  returns_->count -= numbers.size();
  return numbers;
}

}  // namespace dsrun
