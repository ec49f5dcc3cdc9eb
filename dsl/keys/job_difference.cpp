#include "dsl/keys/job_difference.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"
#include "dsl/write.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

// The value at "table.key", or at "table.inner.key"; null (which no key has) where there is none.
json value_at(const json& tables, const std::string& path) {
  std::string pointer = "/" + path;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return tables.value(json::json_pointer(pointer), json());
}

// A key's values in all [[cluster.node]], in order.
json values_of_nodes(const json& tables, std::string_view key) {
  json values = json::array();
  for (const json& node : value_at(tables, "cluster.node")) values.push_back(node.value(std::string(key), json()));
  return values;
}

}  // namespace

JobDifference job_difference(const json& saved, const Job& wanted) {
  JobDifference difference;
  const json now = to_json(wanted);
  const auto note = [&](const auto& key, const json& before, const json& after) {
    if (before == after && !before.is_null()) return;
    if (key.change == Change::on_resume) difference.changeable.push_back(key.path());
    if (key.change == Change::never) difference.fixed.push_back(key.path());
  };
  for (const Key<Job>& key : job_keys()) note(key, value_at(saved, key.path()), value_at(now, key.path()));
  for (const Key<NodeSpec>& key : node_keys())
    note(key, values_of_nodes(saved, key.name), values_of_nodes(now, key.name));
  return difference;
}

}  // namespace dsrun
