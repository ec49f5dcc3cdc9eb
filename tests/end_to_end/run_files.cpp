#include "tests/end_to_end/run_files.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

namespace dsrun::test {

std::vector<std::string> numbers_of(const std::filesystem::path& run) {
  std::vector<std::string> all;
  for (const auto& line : read_json_lines(run / "metrics.jsonl"))
    for (const char* key : {"loss", "val_loss", "grad_norm", "max_vio"})
      if (line.contains(key)) all.push_back(key + line[key].dump());
  return all;
}

std::map<std::string, std::string> shards_of(const std::filesystem::path& run) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run / "checkpoints"))
    if (entry.path().extension() == ".shard") all[entry.path().filename()] = read_text(entry.path());
  return all;
}

std::vector<nlohmann::json> events_of(const std::filesystem::path& run, const std::string& event) {
  std::vector<nlohmann::json> all;
  for (const auto& line : read_json_lines(run / "events.jsonl"))
    if (line.at("event") == event) all.push_back(line);
  return all;
}

bool has_made_steps(Program& program, const std::filesystem::path& run, std::size_t steps) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (program.running() && std::chrono::steady_clock::now() < until) {
    const std::string lines = read_text(run / "metrics.jsonl");
    if (static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')) >= steps) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace dsrun::test
