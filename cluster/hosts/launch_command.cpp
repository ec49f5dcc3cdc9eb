#include "cluster/hosts/launch_command.hpp"

#include <cmath>

#include <fmt/format.h>

namespace dsrun {
namespace {

// For the shell at the other end of ssh.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::vector<std::string> agent_command(const ClusterSpec& cluster, const std::string& host,
                                       const std::string& program) {
  if (cluster.launcher == Launcher::local) return {program, "agent", "--stdin"};
  const SshSpec& ssh = cluster.ssh;
  std::vector<std::string> words = {"ssh", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"};
  const auto option = [&](const char* name, const std::string& value) {
    words.insert(words.end(), {"-o", fmt::format("{}={}", name, value)});
  };
  option("ConnectTimeout", fmt::format("{}", std::max(1, static_cast<int>(cluster.start_timeout_secs) - 2)));
  option("ServerAliveInterval", "2");  // a host that is cut off ends the connection, and with it its agent
  option("ServerAliveCountMax", "3");
  if (ssh.port != 0) words.insert(words.end(), {"-p", fmt::format("{}", ssh.port)});
  if (!ssh.user.empty()) words.insert(words.end(), {"-l", ssh.user});
  if (!ssh.identity.empty()) {
    words.insert(words.end(), {"-i", ssh.identity});
    option("IdentitiesOnly", "yes");
  }
  if (!ssh.known_hosts.empty()) option("UserKnownHostsFile", ssh.known_hosts);
  std::string there = "exec env";
  for (const std::string& setting : ssh.environment) there += " " + quoted(setting);
  there += fmt::format(" {} agent --stdin", quoted(ssh.program.empty() ? program : ssh.program));
  words.insert(words.end(), {"--", host, there});
  return words;
}

}  // namespace dsrun
