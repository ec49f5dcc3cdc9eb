#include "runtime/transport/ucx/ucx_offer.hpp"

#include <ucp/api/ucp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

namespace dsrun {

std::vector<std::string> transports_in(std::string_view context_info) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(context_info)};
  for (std::string line; std::getline(lines, line);) {
    if (line.find("resource") == std::string::npos) continue;
    std::string name = line.substr(line.find_last_of(' ') + 1);
    const auto slash = name.find('/');
    if (slash == std::string::npos) continue;
    if (name.compare(slash + 1, 6, "memory") == 0) name.resize(slash);  // the host's own
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

UcxOffer ucx_offer() {
  ucp_config_t* config = nullptr;
  if (ucp_config_read(nullptr, nullptr, &config) != UCS_OK) return {};
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  ucp_context_h context = nullptr;
  const ucs_status_t status = ucp_init(&params, config, &context);
  ucp_config_release(config);
  if (status != UCS_OK) return {};
  unsigned major = 0, minor = 0, release = 0;
  ucp_get_version(&major, &minor, &release);
  UcxOffer offer{fmt::format("{}.{}.{}", major, minor, release), {}};
  char* text = nullptr;
  std::size_t size = 0;
  if (std::FILE* stream = open_memstream(&text, &size); stream != nullptr) {
    ucp_context_print_info(context, stream);
    std::fclose(stream);
    offer.transports = transports_in({text, size});
    std::free(text);
  }
  ucp_cleanup(context);
  return offer;
}

}  // namespace dsrun
