#include "cluster/layout/moves.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

namespace dsrun {
namespace {

// A run of one tensor's elements that one rank owns.
struct Holding {
  std::int64_t begin = 0, end = 0;  // elements of the whole tensor
  OwnedPlace place;
};

// Calls visit(tensor, holding) for each, by bucket and rank.
template <class Visit>
void for_each_holding(const StateLayout& layout, Visit visit) {
  for (std::size_t b = 0; b < layout.buckets.size(); ++b) {
    const Bucket& bucket = layout.buckets[b];
    for (std::size_t member = 0; member < bucket.ranks.size(); ++member)
      for (const OwnedRange& owned : owned_ranges(bucket, static_cast<int>(member)))
        visit(
            owned.part->name,
            Holding{owned.begin, owned.begin + owned.size, {bucket.ranks[member], static_cast<int>(b), owned.offset}});
  }
}

// By tensor, ascending; in a layout they cover it without overlap.
using Owners = std::map<std::string, std::vector<Holding>>;

Owners owners_in(const StateLayout& layout) {
  Owners owners;
  for_each_holding(layout,
                   [&](const std::string& tensor, const Holding& holding) { owners[tensor].push_back(holding); });
  for (auto& [tensor, holdings] : owners)
    std::sort(holdings.begin(), holdings.end(), [](const Holding& a, const Holding& b) { return a.begin < b.begin; });
  return owners;
}

// The parts of `wanted` that lie with each of its old owners.
void add_moves(const std::string& tensor, const Holding& wanted, const std::vector<Holding>& owners,
               std::vector<Move>& moves) {
  auto owner = std::upper_bound(owners.begin(), owners.end(), wanted.begin,
                                [](std::int64_t begin, const Holding& each) { return begin < each.end; });
  for (std::int64_t begin = wanted.begin; begin < wanted.end; ++owner) {
    if (owner == owners.end() || owner->begin > begin)
      throw std::invalid_argument("a part of " + tensor + " has no owner in the old layout");
    const std::int64_t end = std::min(wanted.end, owner->end);
    OwnedPlace source = owner->place, destination = wanted.place;
    source.offset += begin - owner->begin;
    destination.offset += begin - wanted.begin;
    moves.push_back({tensor, begin, end - begin, source, destination});
    begin = end;
  }
}

}  // namespace

std::vector<std::vector<Move>> moves(const StateLayout& from, const StateLayout& to) {
  const Owners owners = owners_in(from);
  std::vector<std::vector<Move>> by_rank;
  for_each_holding(to, [&](const std::string& tensor, const Holding& wanted) {
    const auto rank = static_cast<std::size_t>(wanted.place.rank);
    if (by_rank.size() <= rank) by_rank.resize(rank + 1);
    const auto found = owners.find(tensor);
    if (found == owners.end()) throw std::invalid_argument(tensor + " is not in the old layout");
    add_moves(tensor, wanted, found->second, by_rank[rank]);
  });
  return by_rank;
}

}  // namespace dsrun
