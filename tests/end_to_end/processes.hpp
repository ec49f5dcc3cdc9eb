// Looks at processes by /proc, as a person would with ps.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace dsrun::test {

std::vector<int> children_of(int pid);
std::vector<int> descendants_of(int pid);
bool is_alive(int pid);  // a zombie is not
// Those of `pids` that still live after at most `limit`.
std::vector<int> survivors(const std::vector<int>& pids, std::chrono::seconds limit);

}  // namespace dsrun::test
