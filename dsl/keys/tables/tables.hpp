// The tables of a job file, a file each; keys.cpp puts them together.
#pragma once

#include "dsl/keys/keys.hpp"

namespace dsrun {

KeyTable<Job> job_table();
KeyTable<Job> model_table();
KeyTable<Job> parallel_table();
KeyTable<Job> batch_table();
KeyTable<Job> data_table();
KeyTable<Job> optimizer_table();
KeyTable<Job> balance_table();
KeyTable<Job> memory_table();
KeyTable<Job> precision_table();
KeyTable<Job> cluster_table();
KeyTable<Job> link_table();
KeyTable<Job> network_table();
KeyTable<Job> ssh_table();
KeyTable<NodeSpec> node_table();

}  // namespace dsrun
