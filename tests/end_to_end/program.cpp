#include "tests/end_to_end/program.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;

std::string text_of_words(std::size_t num_bytes) {
  constexpr const char* words[] = {"and ", "the ", "in ", "beginning ", "was ", "light ", "upon ", "waters\n"};
  std::string text;
  std::uint32_t state = 2024;
  while (text.size() < num_bytes) {
    state = state * 1664525u + 1013904223u;
    text += words[state >> 29];
  }
  return text;
}

constexpr const char* tiny_job = R"([job]
name = "tiny"
steps = 6
seed = 3
[model]
layers = 4
dense_layers = 1
hidden = 32
heads = 2
q_rank = 16
kv_rank = 16
nope_dim = 8
rope_dim = 8
value_dim = 8
experts = 8
experts_per_token = 2
expert_groups = 4
groups_per_token = 2
shared_experts = 1
expert_hidden = 16
dense_hidden = 48
vocab = "byte"
[parallel]
pipeline = 2
data = 2
expert = 2
schedule = "dualpipe"
[batch]
sequences = 16
length = 32
microbatches = 4
[data]
files = ["*.txt"]
validate_every_steps = 3
[optimizer]
lr = 0.01
[precision]
compute = "fp32"
[[cluster.node]]
host = "localhost"
devices = 4
kind = "cpu"
)";

}  // namespace

Program::Program(std::vector<std::string> arguments, const std::filesystem::path& folder,
                 const std::vector<std::string>& runner) {
  static std::atomic<int> number{0};
  const std::string name = "output-" + std::to_string(++number);
  out_ = folder / (name + ".out");
  err_ = folder / (name + ".err");
  arguments.insert(arguments.begin(), DSRUN_PROGRAM);
  arguments.insert(arguments.begin(), runner.begin(), runner.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ != 0) return;
  const int out = open(out_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const int err = open(err_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (dup2(out, 1) < 0 || dup2(err, 2) < 0 || chdir(folder.c_str()) != 0) _exit(126);
  execvp(argv[0], argv.data());
  _exit(127);
}

Program::~Program() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
}

void Program::send(int signal) const { kill(pid_, signal); }

bool Program::poll_end() {
  if (!ended_) ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return ended_;
}

bool Program::running() { return !poll_end(); }

Finished Program::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!poll_end() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
  Finished finished;
  if (!ended_) {
    finished.timed_out = true;
    kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
    ended_ = true;
  }
  finished.exit_code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  finished.out = read_text(out_);
  finished.err = read_text(err_);
  return finished;
}

JobFolder::JobFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "dsrun-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
  write("words.txt", text_of_words(30000));
  write("tiny.toml", tiny_job);
}

JobFolder::~JobFolder() { std::filesystem::remove_all(path_); }

void JobFolder::write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

std::vector<std::string> JobFolder::arguments(const std::string& run_dir, std::vector<std::string> more) const {
  std::vector<std::string> all = {job_file(), "--run-dir", (path_ / run_dir).string()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Finished JobFolder::run(const std::string& run_dir, std::vector<std::string> more) const {
  return Program(arguments(run_dir, std::move(more)), path_).wait();
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) records.push_back(nlohmann::json::parse(line));
  return records;
}

}  // namespace dsrun::test
