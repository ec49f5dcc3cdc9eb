// Which way messages go. UCX 1.13 tells it only in prose: ucp_ep_print_info() has a line for each lane, such as
//   #                 lane[0]:  4:tcp/eth0.0 md[1]          -> md[1]/tcp/sysdev[255] rma_bw#0 am am_bw#0 wireup
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "runtime/transport/ucx/ucx_inside.hpp"

namespace dsrun {

std::string link_words(std::string_view endpoint_info) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(endpoint_info)};
  for (std::string line; std::getline(lines, line);) {
    if (line.find("lane[") == std::string::npos) continue;
    std::istringstream words(line);
    std::string word, found;
    while (words >> word)
      if (word.find('/') != std::string::npos && word.find(':') != std::string::npos) {
        found = word.substr(word.find(':') + 1);
        break;
      }
    const auto slash = found.find('/');
    if (slash == std::string::npos) continue;
    const std::string transport = found.substr(0, slash);
    const std::string device = found.substr(slash + 1, found.rfind('.') - slash - 1);
    const std::string name = device.starts_with("memory") ? transport : transport + "/" + device;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : "+") + name;
  return all;
}

std::string UcxWorker::link(int rank) const {
  const UcxPeer& peer = inside_->peer(rank);
  if (peer.endpoint == nullptr || inside_->worker == nullptr) return "";
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  if (stream == nullptr) return "";
  ucp_ep_print_info(peer.endpoint, stream);
  std::fclose(stream);
  const std::string words = link_words({text, size});
  std::free(text);
  return words;
}

}  // namespace dsrun
