// Runs the real dsrun as a user does, in a temporary folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace dsrun::test {

struct Finished {
  int exit_code = -1;  // 128 + signal when a signal ended it, as a shell says
  std::string out, err;
  bool timed_out = false;
};

// One run of dsrun, from its start to its end; killed should the test forget it.
class Program {
 public:
  // `runner`: words of a command that runs dsrun, its words being the last; none: dsrun itself.
  Program(std::vector<std::string> arguments, const std::filesystem::path& folder,
          const std::vector<std::string>& runner = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int pid() const { return pid_; }
  void send(int signal) const;
  bool running();
  Finished wait(std::chrono::seconds limit = std::chrono::seconds(120));

 private:
  bool poll_end();

  std::filesystem::path out_, err_;
  int pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// A folder with a text of pseudo-words and a tiny job that trains on it; removed at the end.
class JobFolder {
 public:
  JobFolder();
  ~JobFolder();
  const std::filesystem::path& path() const { return path_; }
  std::string job_file() const { return (path_ / "tiny.toml").string(); }
  void write(const std::string& name, const std::string& text) const;

  // dsrun tiny.toml --run-dir run_dir ARGUMENTS…
  Finished run(const std::string& run_dir, std::vector<std::string> arguments = {}) const;
  std::vector<std::string> arguments(const std::string& run_dir, std::vector<std::string> more = {}) const;

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& path);
std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path);

}  // namespace dsrun::test
