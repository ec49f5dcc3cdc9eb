// Lists of UCX's transports as `cluster.network.transports` and UCX_TLS write them: "posix,cma,self". "^tcp" stands for
// all transports except tcp.
#pragma once

#include <string>
#include <vector>

namespace dsrun {

// The parts of a list between its commas.
std::vector<std::string> words_of_list(const std::string& list);

// Whether processes may use shared memory or TCP. An empty list leaves the choice to UCX, so the answer is yes.
bool may_share_memory(const std::vector<std::string>& transports);
bool may_use_tcp(const std::vector<std::string>& transports);

}  // namespace dsrun
