// The checker against an independent interpreter, on seeded mutants of valid Programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "runtime/schedule/checker.hpp"
#include "runtime/schedule/schedule.hpp"
#include "tests/schedule/reference.hpp"

namespace dsrun {
namespace {

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  Program drop(Program program) {
    auto& list = pick_rank(program).instructions;
    list.erase(list.begin() + below(list.size()));
    return program;
  }
  Program repeat(Program program) {
    auto& list = pick_rank(program).instructions;
    const Instruction again = list[below(list.size())];
    list.insert(list.begin() + below(list.size() + 1), again);
    return program;
  }
  // Precondition: more than one microbatch a direction.
  Program renumber(Program program) {
    auto& list = pick_rank(program).instructions;
    Instruction& instruction = list[below(list.size())];
    Half& half = instruction.overlapped && below(2) ? *instruction.overlapped : instruction.first;
    const int count = program.microbatches_per_direction();
    half.microbatch = (half.microbatch + 1 + below(count - 1)) % count;
    return program;
  }
  Program swap(Program program) {
    auto& list = pick_rank(program).instructions;
    std::swap(list[below(list.size())], list[below(list.size())]);
    return program;
  }
  Program move(Program program) {
    auto& list = pick_rank(program).instructions;
    const auto from = list.begin() + below(list.size());
    const auto to = list.begin() + below(list.size());
    if (from < to) {
      std::rotate(from, from + 1, to + 1);
    } else {
      std::rotate(to, from, from + 1);
    }
    return program;
  }
  // A full backward becomes an input gradient and, somewhere later, its weight gradient.
  Program split(Program program) {
    auto& list = pick_rank(program).instructions;
    const int at = below(list.size());
    if (list[at].overlapped || list[at].first.kind != Kind::backward) return program;
    Instruction weight = list[at];
    weight.first.kind = Kind::weight;
    list[at].first.kind = Kind::backward_input;
    list.insert(list.begin() + at + 1 + below(list.size() - at), weight);
    return program;
  }
  // An input gradient becomes a full backward in its place; its weight gradient goes.
  Program merge(Program program) {
    auto& list = pick_rank(program).instructions;
    const int at = below(list.size());
    if (list[at].first.kind != Kind::backward_input) return program;
    Instruction weight = list[at];
    weight.first.kind = Kind::weight;
    list[at].first.kind = Kind::backward;
    list.erase(std::find(list.begin(), list.end(), weight));
    return program;
  }

 private:
  int below(std::size_t bound) { return static_cast<int>(random_() % bound); }
  RankProgram& pick_rank(Program& program) { return program.ranks[below(program.ranks.size())]; }

  std::mt19937_64 random_;
};

struct Base {
  Program program;
  bool forward_only;
};

std::vector<Base> bases() {
  const ScheduleRow& plain = *find_schedule("1f1b");
  const ScheduleRow& dualpipe = *find_schedule("dualpipe");
  std::vector<Base> list;
  for (const Program& program :
       {plain.build({1, 3}), plain.build({3, 4}), plain.build({4, 8}), dualpipe.build({2, 4}), dualpipe.build({4, 8}),
        dualpipe.build({4, 14}), dualpipe.build({6, 12}), find_schedule("gpipe")->build({3, 4}),
        find_schedule("interleaved")->build({2, 4}), find_schedule("interleaved")->build({3, 6, 3}),
        find_schedule("zb1p")->build({4, 8}), find_schedule("dualpipev")->build({1, 3}),
        find_schedule("dualpipev")->build({3, 7})}) {
    list.push_back({program, false});
    list.push_back({forward_only(program, 3), true});
  }
  return list;
}

bool accepts(const Base& base, const Program& program) { return check_program(program, base.forward_only).empty(); }

TEST(Mutation, S1_refuses_what_is_dropped_repeated_or_renumbered) {
  Mutator mutator(1);
  for (const Base& base : bases()) {
    ASSERT_TRUE(accepts(base, base.program));
    ASSERT_TRUE(reference::is_valid(base.program, base.forward_only));
    for (int i = 0; i < 60; ++i) {
      for (const Program& mutant :
           {mutator.drop(base.program), mutator.repeat(base.program), mutator.renumber(base.program)}) {
        EXPECT_FALSE(accepts(base, mutant)) << to_string(mutant);
        EXPECT_FALSE(reference::is_valid(mutant, base.forward_only)) << to_string(mutant);
      }
    }
  }
}

TEST(Mutation, S1_refuses_a_new_order_exactly_when_it_does_not_run) {
  Mutator mutator(2);
  int num_valid = 0;
  int num_invalid = 0;
  for (const Base& base : bases()) {
    for (int i = 0; i < 100; ++i) {
      for (Program mutant : {mutator.swap(base.program), mutator.move(base.program), mutator.split(base.program),
                             mutator.split(mutator.split(base.program)), mutator.merge(base.program),
                             mutator.split(mutator.merge(base.program)), mutator.move(mutator.swap(base.program))}) {
        if (mutant == base.program) continue;
        const bool valid = reference::is_valid(mutant, base.forward_only);
        ++(valid ? num_valid : num_invalid);
        EXPECT_EQ(accepts(base, mutant), valid) << to_string(mutant);
      }
    }
  }
  EXPECT_GT(num_valid, 500);
  EXPECT_GT(num_invalid, 500);
}

TEST(Mutation, S1_every_fault_names_its_place) {
  Mutator mutator(3);
  for (const Base& base : bases()) {
    for (int i = 0; i < 50; ++i) {
      const std::vector<Program> mutants = {mutator.repeat(base.program), mutator.drop(base.program),
                                            mutator.renumber(base.program), mutator.swap(base.program),
                                            mutator.split(base.program)};
      const Program& mutant = mutants[static_cast<std::size_t>(i) % mutants.size()];
      for (const ProgramFault& fault : check_program(mutant, base.forward_only)) {
        ASSERT_GE(fault.rank, 0);
        const auto& list = mutant.ranks.at(fault.rank).instructions;
        ASSERT_LE(fault.instruction, std::ssize(list));
        const std::string text = fault.instruction == std::ssize(list) ? "the end" : to_string(list[fault.instruction]);
        EXPECT_EQ(fault.message.find("rank " + std::to_string(fault.rank) + ", instruction " +
                                     std::to_string(fault.instruction) + " (" + text + "): "),
                  0u)
            << fault.message;
      }
    }
  }
}

}  // namespace
}  // namespace dsrun
