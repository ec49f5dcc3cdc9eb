#include "tests/hosts/hosts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tests/end_to_end/processes.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::array names = {"head", "alpha", "beta", "gamma"};

// Runs a command of a shell; what it printed is the reason where it fails.
void command(const std::string& text) {
  std::FILE* output = popen(("{ " + text + "\n} 2>&1").c_str(), "r");
  if (output == nullptr) throw NoHosts("cannot start a shell");
  std::string said;
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) said += static_cast<char>(c);
  if (pclose(output) != 0) throw NoHosts(fmt::format("this failed: {}\n{}", text, said));
}

// Several lines for `ip`, in the network of a process.
void ip(pid_t process, const std::string& lines) {
  command(fmt::format("nsenter --target {} --net ip -batch - <<'END'\n{}\nEND", process, lines));
}

// Machines were not started at the same moment, and each counts time from its own start.
bool count_time_from(const std::string& name) {
  const auto days = std::find(names.begin(), names.end(), name) - names.begin();
  if (unshare(CLONE_NEWTIME) != 0) return false;
  std::ofstream offsets("/proc/self/timens_offsets");
  offsets << "monotonic " << 86400 * days << " 0\n";
  return offsets.flush().good();
}

// In the host's first process: what a new machine has of its own. Null, or what failed.
const char* settle(const std::string& name, const std::string& etc_hosts) {
  if (sethostname(name.data(), name.size()) != 0) return "naming the host";
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "keeping its mounts apart";
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mounting /proc";
  if (!count_time_from(name)) return "giving it a clock of its own";
  if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mounting /sys";
  if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=256m") != 0) return "mounting /dev/shm";
  constexpr const char* file = "/dev/shm/hosts";
  const int out = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool written = out >= 0 && write(out, etc_hosts.data(), etc_hosts.size()) > 0 && close(out) == 0;
  if (!written || mount(file, "/etc/hosts", nullptr, MS_BIND, nullptr) != 0 || unlink(file) != 0)
    return "writing its /etc/hosts";
  return nullptr;
}

std::string words_of_hosts(int num_hosts) {
  std::string text = "127.0.0.1 localhost\n";
  for (int host = 0; host < num_hosts; ++host) text += fmt::format("{} {}\n", Hosts::address(host), Hosts::name(host));
  return text;
}

// /proc/net writes addresses as words of the machine's order.
std::string address_of(const std::string& hex) {
  std::array<std::uint32_t, 4> words{};
  const std::size_t num_words = hex.size() / 8;
  for (std::size_t i = 0; i < num_words; ++i)
    words[i] = static_cast<std::uint32_t>(std::stoul(hex.substr(8 * i, 8), nullptr, 16));
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(num_words == 1 ? AF_INET : AF_INET6, words.data(), text, sizeof text);
  return text;
}

std::uint64_t pid_namespace(const std::string& process) {
  struct stat of {};
  return stat(("/proc/" + process + "/ns/pid").c_str(), &of) == 0 ? of.st_ino : 0;
}

std::string verb_of(const std::string& process) {
  std::istringstream words(read_text("/proc/" + process + "/cmdline"));
  std::string word;
  std::getline(words, word, '\0');
  std::getline(words, word, '\0');
  return word;
}

}  // namespace

std::string Hosts::name(int host) { return names.at(static_cast<std::size_t>(host)); }
std::string Hosts::address(int host) { return fmt::format("10.73.0.{}", host + 1); }

Hosts::Hosts(int num_hosts, const std::string& rate) {
  try {
    switch_ = make_host("switch", 0);
    ip(switch_.first, "link add bridge type bridge\nlink set bridge up");
    for (int host = 0; host < num_hosts; ++host) {
      hosts_.push_back(make_host(name(host), num_hosts));
      connect(host, rate);
    }
  } catch (...) {
    end();
    throw;
  }
}

Hosts::~Hosts() { end(); }

void Hosts::end() {
  hosts_.push_back(switch_);
  for (const Host& host : hosts_) {
    if (host.first <= 0) continue;
    kill(host.first, SIGKILL);
    waitpid(host.first, nullptr, 0);
    close(host.lifeline);
  }
  hosts_.clear();
}

Hosts::Host Hosts::make_host(const std::string& name, int num_hosts) {
  const std::string etc_hosts = words_of_hosts(num_hosts);
  int lifeline[2], report[2];
  if (pipe2(lifeline, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) throw NoHosts("cannot make pipes");
  constexpr long flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | SIGCHLD;
  const auto first = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
  if (first == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(lifeline[1]);
    std::signal(SIGCHLD, SIG_IGN);  // whatever is left to it shall not stay as a zombie
    const char* failed = settle(name, etc_hosts);
    const std::string said = failed != nullptr ? fmt::format("{}: {}", failed, std::strerror(errno)) : "";
    (void)!write(report[1], said.data(), said.size());
    close(report[1]);
    char byte = 0;
    while (read(lifeline[0], &byte, 1) < 0 && errno == EINTR) continue;
    _exit(0);
  }
  close(lifeline[0]);
  close(report[1]);
  if (first < 0) {
    close(lifeline[1]);
    close(report[0]);
    throw NoHosts(fmt::format("cannot make namespaces: {}", std::strerror(errno)));
  }
  std::string said(200, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(report[0], said.data(), said.size()))));
  close(report[0]);
  if (said.empty()) return {first, lifeline[1]};
  kill(first, SIGKILL);
  waitpid(first, nullptr, 0);
  close(lifeline[1]);
  throw NoHosts(fmt::format("cannot make a host: {}", said));
}

void Hosts::connect(int host, const std::string& rate) const {
  const pid_t first = hosts_[static_cast<std::size_t>(host)].first;
  ip(switch_.first,
     fmt::format("link add port{0} type veth peer name eth0 netns {1}\nlink set port{0} master bridge up", host + 1,
                 first));
  ip(first, fmt::format("link set lo up\naddress add {}/24 dev eth0\nlink set eth0 up\n"
                        "link add eth1 type veth peer name nowhere\naddress add 10.74.0.1/24 dev eth1\n"
                        "link set eth1 up\nlink set nowhere up",
                        address(host)));
  if (!rate.empty())
    command(fmt::format("nsenter --target {} --net tc qdisc add dev eth0 root tbf rate {} burst 128kb latency 400ms",
                        first, rate));
}

void Hosts::shrink_shared_memory(int host, const std::string& size) const {
  command(fmt::format("nsenter --target {} --mount mount -o remount,size={} /dev/shm",
                      hosts_[static_cast<std::size_t>(host)].first, size));
}

std::unique_ptr<Program> Hosts::start(int host, std::vector<std::string> arguments,
                                      const std::filesystem::path& folder) const {
  const std::string target = std::to_string(hosts_[static_cast<std::size_t>(host)].first);
  const std::string clock = fmt::format("--time=/proc/{}/ns/time_for_children", target);
  return std::make_unique<Program>(std::move(arguments), folder,
                                   std::vector<std::string>{"nsenter", "--target", target, "--mount", "--uts", "--ipc",
                                                            "--net", "--pid", clock, "--wd=" + folder.string(), "--"});
}

int Hosts::run(int host, const std::function<int()>& work, std::chrono::seconds limit) const {
  const std::string folder = fmt::format("/proc/{}/ns/", hosts_[static_cast<std::size_t>(host)].first);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const char* kind : {"net", "ipc", "uts"})
      if (setns(open((folder + kind).c_str(), O_RDONLY | O_CLOEXEC), 0) != 0) _exit(255);
    _exit(work());
  }
  const auto until = SteadyClock::now() + limit;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (SteadyClock::now() > until) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      return -1;
    }
    std::this_thread::sleep_for(2ms);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<int> Hosts::processes(int host, const std::string& verb) const {
  const std::string first = std::to_string(hosts_[static_cast<std::size_t>(host)].first);
  const std::uint64_t here = pid_namespace(first);
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string process = entry.path().filename();
    if (process.find_first_not_of("0123456789") != std::string::npos || process == first) continue;
    if (pid_namespace(process) != here || !is_alive(std::stoi(process))) continue;
    if (verb.empty() || verb_of(process) == verb) found.push_back(std::stoi(process));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<Listener> Hosts::listeners(int host) const {
  constexpr const char *listening = "0A", *unconnected = "07";
  std::vector<Listener> all;
  for (const char* protocol : {"tcp", "tcp6", "udp", "udp6"}) {
    std::ifstream file(fmt::format("/proc/{}/net/{}", hosts_[static_cast<std::size_t>(host)].first, protocol));
    std::string line, slot, own, peer, state;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream(line) >> slot >> own >> peer >> state;
      if (state != (protocol[0] == 't' ? listening : unconnected)) continue;
      const std::size_t colon = own.find(':');
      all.push_back({address_of(own.substr(0, colon)),
                     static_cast<std::uint16_t>(std::stoul(own.substr(colon + 1), nullptr, 16))});
    }
  }
  return all;
}

int Hosts::num_shared_memories(int host) const {
  const std::string folder = fmt::format("/proc/{}/root/dev/shm", hosts_[static_cast<std::size_t>(host)].first);
  const std::filesystem::directory_iterator files(folder);
  return run(host, [&files] {
    std::ifstream table("/proc/sysvipc/shm");  // of whoever reads it
    auto number = std::distance(files, std::filesystem::directory_iterator());
    for (std::string line; std::getline(table, line);) ++number;
    return static_cast<int>(number) - 1;  // the table has a head
  });
}

void Hosts::cut(int a, int b) {
  for (int host : {a, b}) ip(switch_.first, fmt::format("link set dev port{} type bridge_slave isolated on", host + 1));
}

void Hosts::cut_off(int host) { ip(switch_.first, fmt::format("link set port{} nomaster", host + 1)); }

}  // namespace dsrun::test
