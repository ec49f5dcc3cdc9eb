#include "runtime/data/sources/oddities.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/data/sources/files.hpp"

namespace dsrun {
namespace {

constexpr std::size_t places_named = 3;

}  // namespace

void Oddities::add(bool skipped, std::string_view what, std::string_view place) {
  if (strict_) throw DataError(fmt::format("{}: {}", place, what));
  auto kind = std::find_if(kinds_.begin(), kinds_.end(),
                           [&](const Kind& each) { return each.skipped == skipped && each.what == what; });
  if (kind == kinds_.end()) kind = kinds_.insert(kinds_.end(), {skipped, std::string(what)});
  ++kind->count;
  if (kind->places.size() < places_named) kind->places.emplace_back(place);
}

std::int64_t Oddities::count(bool skipped) const {
  std::int64_t sum = 0;
  for (const Kind& kind : kinds_)
    if (kind.skipped == skipped) sum += kind.count;
  return sum;
}

std::vector<std::string> Oddities::lines() const {
  std::vector<std::string> lines;
  for (const Kind& kind : kinds_)
    lines.push_back(fmt::format("{} {}: {} ({}{})", kind.skipped ? "skipped" : "repaired",
                                kind.count == 1 ? "once" : fmt::format("{} times", kind.count), kind.what,
                                fmt::join(kind.places, ", "),
                                kind.count > static_cast<std::int64_t>(kind.places.size()) ? ", …" : ""));
  return lines;
}

}  // namespace dsrun
