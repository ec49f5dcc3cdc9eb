// Loans: tensors that another process of the machine reads where they lie, in their sender's arena. As between threads,
// such a message is a reference: nobody copies it, and the sender's block is free again when the receiver's last share
// of it is gone. Both classes are for the transport's thread; only what was borrowed may be dropped by others.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/memory/mapped_arena.hpp"
#include "runtime/transport/wire/tensor_header.hpp"

namespace dsrun {

// What this process has lent.
class Lender {
 public:
  struct Loan {
    TensorHeader header;
    Buffer payload;
  };

  explicit Lender(int num_processes) : peers_(static_cast<std::size_t>(num_processes)) {}

  // Lends `payload` and says what to send for it. Nothing, and `payload` left: it has to be copied, since it is short,
  // lies where others cannot look, or the process has refused a loan before.
  std::optional<LoanHeader> lend(int process, const TensorHeader& header, Buffer& payload);
  void take_back(int process, std::span<const std::uint64_t> numbers);
  // The process cannot look into this one: it never gets a loan again. The message, which it has to get as a copy.
  std::optional<Loan> take_refused(int process, std::uint64_t number);
  std::size_t num_lent() const;

 private:
  struct Peer {
    bool refuses = false;
    std::unordered_map<std::uint64_t, Loan> loans;
  };
  std::vector<Peer> peers_;
  std::uint64_t next_number_ = 0;
  std::shared_ptr<MemoryPool> pool_ = MemoryPool::make();  // what is lent counts for no device here any more
};

// What this process has borrowed.
class Borrower {
 public:
  explicit Borrower(int num_processes);

  // The tensor where it lies, counted as one of `pool`'s messages; empty: this process cannot look there.
  Buffer borrow(int process, const LoanHeader& loan, MemoryPool& pool);
  bool owes() const;  // whether anything that nobody uses any more is still to be given back
  // The numbers of a process's loans that nobody uses any more; each once.
  std::vector<std::uint64_t> take_returns(int process);

 private:
  struct Returns {
    std::mutex mutex;
    std::size_t count = 0;
    std::vector<std::vector<std::uint64_t>> numbers;  // by process
  };
  std::shared_ptr<Returns> returns_ = std::make_shared<Returns>();  // shared with what was borrowed
  std::map<ArenaSource, std::shared_ptr<MappedArena>> arenas_;      // null: could not be mapped
};

}  // namespace dsrun
