// Puts the tables' rows together, in the order in which files and pages show them.
#include "dsl/keys/keys.hpp"

#include "dsl/keys/tables/tables.hpp"

namespace dsrun {
namespace {

struct AllKeys {
  AllKeys() {
    for (const auto& table :
         {job_table(), model_table(), parallel_table(), batch_table(), data_table(), optimizer_table(), balance_table(),
          memory_table(), precision_table(), cluster_table(), link_table(), network_table(), ssh_table()})
      add(table, of_job);
    add(node_table(), of_node);
  }

  template <class Owner>
  void add(const KeyTable<Owner>& table, std::vector<Key<Owner>>& keys) {
    tables.push_back({table.name, table.help});
    for (Key<Owner> key : table.keys) {
      key.table = table.name;
      keys.push_back(std::move(key));
    }
  }

  std::vector<Key<Job>> of_job;
  std::vector<Key<NodeSpec>> of_node;
  std::vector<TableHelp> tables;
};

const AllKeys& all_keys() {
  static const AllKeys all;
  return all;
}

}  // namespace

const std::vector<Key<Job>>& job_keys() { return all_keys().of_job; }
const std::vector<Key<NodeSpec>>& node_keys() { return all_keys().of_node; }
std::span<const TableHelp> job_tables() { return all_keys().tables; }

}  // namespace dsrun
