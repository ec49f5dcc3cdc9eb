// What changes hands between two layouts: all that the new owners need, once, from whoever had it.
#include "cluster/layout/moves.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <stdexcept>

#include "tests/cluster/small_layout.hpp"
#include "tests/support/trials.hpp"

namespace dsrun::test {
namespace {

struct MeshOf {
  const char* schedule;
  int pipeline, data, expert;
};

constexpr MeshOf meshes_to_move[] = {{"1f1b", 1, 1, 1},     {"1f1b", 1, 2, 2},     {"1f1b", 1, 8, 4},
                                     {"1f1b", 2, 2, 1},     {"1f1b", 2, 4, 4},     {"1f1b", 4, 1, 1},
                                     {"dualpipe", 2, 2, 2}, {"dualpipe", 4, 2, 1}, {"dualpipev", 2, 4, 2}};

StateLayout layout_of(const MeshOf& mesh, int mtp_depth) {
  return make_plan(layout_job(mesh.schedule, mesh.pipeline, mesh.data, mesh.expert, mtp_depth)).layout;
}

// One number for each element that a rank owns: which element of which tensor it is.
using Elements = std::map<std::pair<int, int>, std::vector<std::int64_t>>;  // by (bucket, rank)

Elements owned_elements(const StateLayout& layout, const std::map<std::string, std::int64_t>& first_number) {
  Elements elements;
  for (std::size_t b = 0; b < layout.buckets.size(); ++b)
    for (std::size_t member = 0; member < layout.buckets[b].ranks.size(); ++member) {
      const Bucket& bucket = layout.buckets[b];
      auto& shard = elements[{static_cast<int>(b), bucket.ranks[member]}];
      shard.assign(static_cast<std::size_t>(bucket.shard_size()), -1);
      for (const OwnedRange& owned : owned_ranges(bucket, static_cast<int>(member)))
        for (std::int64_t i = 0; i < owned.size; ++i)
          shard[static_cast<std::size_t>(owned.offset + i)] = first_number.at(owned.part->name) + owned.begin + i;
    }
  return elements;
}

std::map<std::string, std::int64_t> number_tensors(const StateLayout& layout) {
  std::map<std::string, std::int64_t> first_number;
  std::int64_t next = 0;
  for (const Bucket& bucket : layout.buckets)
    for (const TensorPart& part : bucket.parts)
      if (first_number.emplace(part.name, next).second) next += part.global_size;
  return first_number;
}

TEST(Moves, bring_each_new_owner_all_that_it_owns_once_and_from_its_owner) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::size_t> any(0, std::size(meshes_to_move) - 1);
  for (int pair = 0; pair < test::trials(40); ++pair) {
    const int mtp_depth = pair % 2;
    const StateLayout from = layout_of(meshes_to_move[any(random)], mtp_depth);
    const StateLayout to = layout_of(meshes_to_move[any(random)], mtp_depth);
    const auto numbers = number_tensors(from);
    const Elements before = owned_elements(from, numbers), wanted = owned_elements(to, numbers);
    Elements after;
    for (const auto& [place, shard] : wanted) after[place].assign(shard.size(), -1);
    const auto all = moves(from, to);
    for (std::size_t rank = 0; rank < all.size(); ++rank)
      for (const Move& move : all[rank]) {
        ASSERT_EQ(move.destination.rank, static_cast<int>(rank));
        const auto& source = before.at({move.source.bucket, move.source.rank});
        auto& destination = after.at({move.destination.bucket, move.destination.rank});
        for (std::int64_t i = 0; i < move.size; ++i) {
          std::int64_t& element = destination.at(static_cast<std::size_t>(move.destination.offset + i));
          ASSERT_EQ(element, -1) << "twice: " << move.tensor << " " << move.begin + i;
          element = source.at(static_cast<std::size_t>(move.source.offset + i));
          ASSERT_EQ(element, numbers.at(move.tensor) + move.begin + i);
        }
      }
    EXPECT_EQ(after, wanted) << "pair " << pair;
  }
}

TEST(Moves, between_equal_layouts_everything_stays) {
  for (const MeshOf& mesh : meshes_to_move) {
    const StateLayout layout = layout_of(mesh, 1);
    for (const auto& of_rank : moves(layout, layout))
      for (const Move& move : of_rank) {
        EXPECT_TRUE(move.stays());
        EXPECT_EQ(move.source.bucket, move.destination.bucket);
        EXPECT_EQ(move.source.offset, move.destination.offset);
      }
  }
}

TEST(Moves, refuse_layouts_of_two_models) {
  EXPECT_THROW(moves(layout_of(meshes_to_move[0], 0), layout_of(meshes_to_move[0], 1)), std::invalid_argument);
}

}  // namespace
}  // namespace dsrun::test
