// Agents started over ssh, by a real server on the loopback with keys of its own. Only where asked for: it needs sshd,
// and an account that may log in (./dev test --cluster).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tests/end_to_end/processes.hpp"
#include "tests/end_to_end/run_files.hpp"
#include "tests/hosts/several_hosts.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* server = "/usr/sbin/sshd";
constexpr std::array hosts = {"127.0.0.1", "127.0.0.2"};  // one server, two hosts as far as dsrun knows

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  inet_pton(AF_INET, hosts[0], &where.sin_addr);
  return where;
}

std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where = loopback(0);
  socklen_t size = sizeof where;
  bind(probe, reinterpret_cast<const sockaddr*>(&where), size);
  getsockname(probe, reinterpret_cast<sockaddr*>(&where), &size);
  close(probe);
  return ntohs(where.sin_port);
}

bool answers(std::uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in where = loopback(port);
  const bool connected = connect(probe, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
  close(probe);
  return connected;
}

// An ssh server whose files are all in one folder; killed at the end.
class SshServer {
 public:
  explicit SshServer(const std::filesystem::path& folder) : folder_(folder) {
    if (geteuid() == 0) std::filesystem::create_directories("/run/sshd");  // it wants that folder, empty
    for (const char* key : {"host_key", "user_key"})
      if (std::system(fmt::format("ssh-keygen -q -t ed25519 -N '' -f {}", at(key)).c_str()) != 0)
        throw std::runtime_error("ssh-keygen failed");
    std::filesystem::copy_file(at("user_key.pub"), at("authorized_keys"));
    write_files();
    start();
  }
  ~SshServer() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;

  int pid() const { return pid_; }
  std::uint16_t port() const { return port_; }
  std::string at(const std::string& file) const { return (folder_ / file).string(); }

 private:
  void write_files() const {
    std::ofstream config(at("sshd_config")), known(at("known_hosts"));
    config << fmt::format(
        "Port {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
        port_, at("host_key"), at("authorized_keys"));
    for (const char* host : hosts) {
      config << "ListenAddress " << host << "\n";
      known << fmt::format("[{}]:{} {}", host, port_, read_text(at("host_key.pub")));
    }
  }

  void start() {
    const std::string config = at("sshd_config"), log = at("sshd.log");
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execl(server, server, "-D", "-f", config.c_str(), "-E", log.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    const auto until = SteadyClock::now() + 10s;
    while (!answers(port_) && SteadyClock::now() < until) std::this_thread::sleep_for(10ms);
    if (!answers(port_)) throw std::runtime_error("sshd does not answer: " + read_text(log));
  }

  std::filesystem::path folder_;
  std::uint16_t port_ = free_port();
  pid_t pid_ = -1;
};

class Ssh : public testing::Test {
 protected:
  void SetUp() override {
    if (!cluster_is_asked_for()) GTEST_SKIP() << "not asked for: ./dev test --cluster";
    ASSERT_TRUE(std::filesystem::exists(server)) << "needs sshd (package openssh-server)";
    server_ = std::make_unique<SshServer>(folder_.path());
  }

  static std::vector<std::string> set(const std::vector<std::string>& settings) {
    std::vector<std::string> words;
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    return words;
  }
  static std::vector<std::string> two_nodes(const std::string& first, const std::string& second) {
    return set({fmt::format("cluster.node.0.host=\"{}\"", first), "cluster.node.0.devices=2",
                fmt::format("cluster.node.1.host=\"{}\"", second), "cluster.node.1.devices=2"});
  }
  std::vector<std::string> job(const std::vector<std::string>& settings = {}) const {
    return with(with(two_nodes(hosts[0], hosts[1]),
                     set({"cluster.isolation=process", "cluster.launcher=ssh",
                          fmt::format("cluster.ssh.port={}", server_->port()),
                          fmt::format("cluster.ssh.identity=\"{}\"", server_->at("user_key")),
                          fmt::format("cluster.ssh.known_hosts=\"{}\"", server_->at("known_hosts"))})),
                set(settings));
  }
  std::filesystem::path at(const std::string& run) const { return folder_.path() / run; }

  JobFolder folder_;
  std::unique_ptr<SshServer> server_;
};

TEST_F(Ssh, numbers_are_those_of_threads_bit_for_bit) {
  ASSERT_EQ(folder_.run("threads", two_nodes("localhost", "localhost")).exit_code, 0);
  const Finished run = folder_.run("run", job());
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(numbers_of(at("run")), numbers_of(at("threads")));
  EXPECT_EQ(shards_of(at("run")), shards_of(at("threads")));
  EXPECT_THAT(survivors(descendants_of(server_->pid()), 10s), IsEmpty());
}

TEST_F(Ssh, refuses_a_host_whose_key_is_not_known) {
  folder_.write("known_hosts", "");
  const Finished run = folder_.run("run", job());
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.err, AllOf(HasSubstr("Host key verification failed"),
                             ContainsRegex("host 127\\.0\\.0\\.[12]: its agent ended: exit code 255, of ssh")));
}

TEST_F(Ssh, names_a_program_that_is_not_there) {
  Program program(folder_.arguments("run", job({"cluster.ssh.program=\"/nowhere/dsrun\""})), folder_.path());
  const Finished run = program.wait(15s);
  ASSERT_FALSE(run.timed_out);
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.err, AllOf(HasSubstr("/nowhere/dsrun"), HasSubstr("its agent ended: exit code 127, of ssh")));
  EXPECT_THAT(survivors(descendants_of(server_->pid()), 10s), IsEmpty());
}

TEST_F(Ssh, names_a_host_with_another_build) {
  const std::string other = at("other-dsrun").string();
  std::filesystem::copy_file(DSRUN_PROGRAM, other);
  std::ofstream(other, std::ios::app) << "another build";
  Program program(folder_.arguments("run", job({"cluster.ssh.program=\"" + other + "\""})), folder_.path());
  const Finished run = program.wait(15s);
  ASSERT_FALSE(run.timed_out);
  EXPECT_EQ(run.exit_code, 69);
  EXPECT_THAT(run.err, ContainsRegex("host .* has another version of dsrun"));
  EXPECT_THAT(survivors(descendants_of(server_->pid()), 10s), IsEmpty());
}

TEST_F(Ssh, leaves_no_agent_of_a_killed_launcher) {
  Program program(folder_.arguments("run", job({"job.steps=1000000"})), folder_.path());
  ASSERT_TRUE(has_made_steps(program, at("run"), 1)) << program.wait(0s).err;
  const std::vector<int> there = descendants_of(server_->pid());
  EXPECT_GE(there.size(), 6U) << "two agents with two devices each, behind ssh";
  program.send(SIGKILL);
  EXPECT_THAT(survivors(there, 10s), IsEmpty());
}

}  // namespace
}  // namespace dsrun::test
