// Loans: tensors that another process of the machine reads in place, in their sender's arena. As between threads, such
// a message is a reference: nobody copies the tensor. The sender's block is free again when the receiver drops its last
// share. Both classes are for the transport's thread; only borrowed Buffers may be dropped on other threads.
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

// The tensors that this process has lent.
class Lender {
 public:
  struct Loan {
    TensorHeader header;
    Buffer payload;
  };

  explicit Lender(int num_processes) : peers_(static_cast<std::size_t>(num_processes)) {}

  // Lends `payload` and returns the header to send in its place. nullopt: `payload` is unchanged and has to be copied,
  // because it is short, others cannot map its memory, or the process has refused a loan before.
  std::optional<LoanHeader> lend(int process, const TensorHeader& header, Buffer& payload);
  void take_back(int process, std::span<const std::uint64_t> numbers);
  // Notes that the process cannot read this one's memory, so that it never gets a loan again. Returns the message,
  // which has to be sent as a copy.
  std::optional<Loan> take_refused(int process, std::uint64_t number);
  std::size_t num_lent() const;

 private:
  struct Peer {
    bool refuses = false;
    std::unordered_map<std::uint64_t, Loan> loans;
  };
  std::vector<Peer> peers_;
  std::uint64_t next_number_ = 0;
  std::shared_ptr<MemoryPool> pool_ = MemoryPool::make();  // lent tensors no longer count for a device here
};

// The tensors that this process has borrowed.
class Borrower {
 public:
  explicit Borrower(int num_processes);

  // Returns the tensor in place, counted as one of `pool`'s messages; empty: this process cannot read it there.
  Buffer borrow(int process, const LoanHeader& loan, MemoryPool& pool);
  bool owes() const;  // whether loans that are no longer used still have to be given back
  // The numbers of a process's loans that are no longer used; each is returned once.
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
