#include "tests/end_to_end/processes.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace dsrun::test {
namespace {

struct Status {
  char state = 'Z';
  int parent = 0;
};

std::optional<Status> status_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  std::istringstream rest(line.substr(line.rfind(')') + 1));  // the name before it may hold anything
  Status status;
  rest >> status.state >> status.parent;
  return status;
}

}  // namespace

std::vector<int> children_of(int pid) {
  std::vector<int> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto status = status_of(std::stoi(name));
    if (status && status->parent == pid && status->state != 'Z') children.push_back(std::stoi(name));
  }
  std::sort(children.begin(), children.end());
  return children;
}

std::vector<int> descendants_of(int pid) {
  std::vector<int> all;
  for (int child : children_of(pid)) {
    all.push_back(child);
    for (int below : descendants_of(child)) all.push_back(below);
  }
  return all;
}

bool is_alive(int pid) {
  const auto status = status_of(pid);
  return status && status->state != 'Z';
}

std::vector<int> survivors(const std::vector<int>& pids, std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::vector<int> left = pids;
  while (!left.empty() && std::chrono::steady_clock::now() < until) {
    std::erase_if(left, [](int pid) { return !is_alive(pid); });
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return left;
}

}  // namespace dsrun::test
