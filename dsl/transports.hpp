// Lists of UCX's transports as `cluster.network.transports` and UCX_TLS write them: "posix,cma,self"; "^tcp": all
// others.
#pragma once

#include <string>
#include <vector>

namespace dsrun {

// At commas.
std::vector<std::string> words_of_list(const std::string& list);

// Whether processes may come to use them; no names at all: UCX chooses.
bool may_share_memory(const std::vector<std::string>& transports);
bool may_use_tcp(const std::vector<std::string>& transports);

}  // namespace dsrun
