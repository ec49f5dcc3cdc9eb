// What UCX offers on this host: its version, and the transports that it can use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

struct UcxOffer {
  std::string version;                  // "1.13.1"; "": UCX cannot be set up at all
  std::vector<std::string> transports;  // "posix", "cma", "tcp/eth0", in UCX's order, none twice
};

UcxOffer ucx_offer();

// Reads the transports from what ucp_context_print_info() prints: in UCX 1.13 a line for each, such as
//   #      resource 1  :  md 1  dev 1  flags -- tcp/eth0
std::vector<std::string> transports_in(std::string_view context_info);

}  // namespace dsrun
