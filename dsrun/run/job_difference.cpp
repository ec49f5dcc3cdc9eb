#include "dsrun/run/job_difference.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "dsl/write.hpp"

namespace dsrun {
namespace {

// A table's name stands for all its keys.
constexpr std::array<std::string_view, 9> free_keys = {
    "job.name",         "job.checkpoint_every_steps", "model.preset", "model.init_from", "data.validate_every_steps",
    "parallel.overlap", "balance.load_factor",        "memory",       "cluster"};
constexpr std::array<std::string_view, 6> changeable_keys = {"job.steps", "parallel", "batch",
                                                             "data",      "balance",  "optimizer"};
constexpr std::array<std::string_view, 2> fixed_keys = {"optimizer.kind", "optimizer.moments"};  // before their table

template <std::size_t size>
bool lists(const std::array<std::string_view, size>& names, const std::string& table, const std::string& path) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return name == path || name == table; });
}

}  // namespace

JobDifference job_difference(const nlohmann::json& saved, const Job& wanted) {
  JobDifference difference;
  const nlohmann::json now = to_json(wanted);
  for (const auto& [table, keys] : now.items())
    for (const auto& [key, value] : keys.items()) {
      const std::string path = table + "." + key;
      if (lists(free_keys, table, path)) continue;
      if (saved.contains(table) && saved[table].contains(key) && saved[table][key] == value) continue;
      const bool changeable = lists(changeable_keys, table, path) && !lists(fixed_keys, table, path);
      (changeable ? difference.changeable : difference.fixed).push_back(path);
    }
  return difference;
}

}  // namespace dsrun
