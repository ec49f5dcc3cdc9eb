// Strangers in the job's network, who know every port that its processes listen on: what they send is dropped, counted
// and told, and the losses are those of a job that nobody disturbed.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/transport/ucx/ucx_worker.hpp"
#include "tests/end_to_end/run_files.hpp"
#include "tests/hosts/several_hosts.hpp"

namespace dsrun::test {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using testing::HasSubstr;

std::string bytes_of(const std::string& address) {
  in_addr parsed{};
  inet_pton(AF_INET, address.c_str(), &parsed);
  return {reinterpret_cast<const char*>(&parsed), sizeof parsed};
}

std::string bytes_of(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)}; }

// The address of a UcxWorker that listens on `own`, made that of one which listens on `target`: what a stranger can do
// who has never been told any.
std::string aimed(std::string address, const Listener& own, const Listener& target) {
  const std::size_t at_address = address.find(bytes_of(own.address));
  const std::size_t at_port = address.rfind(bytes_of(own.port));
  if (at_address == std::string::npos || at_port == std::string::npos) return {};
  address.replace(at_address, 4, bytes_of(target.address));
  address.replace(at_port, 2, bytes_of(target.port));
  return address;
}

class Strangers : public SeveralHosts {
 protected:
  // A UcxWorker on the first host says something to each target; how many words left.
  int speak_to(const std::vector<Listener>& to, UcxOptions options) const {
    const auto before = hosts_->listeners(head);
    options.interfaces = {"eth0"};
    options.transports = {"tcp", "self"};
    options.rank = static_cast<int>(to.size());
    options.num_ranks = options.rank + 1;
    UcxWorker worker(options);
    Listener own;
    for (const Listener& each : hosts_->listeners(head))
      if (std::find(before.begin(), before.end(), each) == before.end()) own = each;
    std::vector<std::string> addresses;
    for (const Listener& target : to) addresses.push_back(aimed(worker.address(), own, target));
    addresses.push_back(worker.address());
    worker.set_peers(std::move(addresses));
    int num_sent = 0;
    for (int peer = 0; peer < options.rank; ++peer)
      worker.send(peer, {}, Buffer(), [&num_sent](bool sent) { num_sent += sent ? 1 : 0; });
    for (const auto until = SteadyClock::now() + 2s; SteadyClock::now() < until && worker.num_under_way() > 0;)
      if (!worker.progress()) worker.wait(10ms);
    worker.close(500ms);
    return num_sent;
  }

  // Losses and gradient norms: every step's.
  std::vector<std::string> steps_of(const std::string& run) const {
    std::vector<std::string> numbers = numbers_of(at(run));
    std::erase_if(numbers, [](const std::string& number) { return number.starts_with("val_loss"); });
    return numbers;
  }

  // Stops the endless job, and compares it with one in threads that made as many steps or more.
  Finished stop_and_compare() {
    kill(launcher(), SIGINT);
    const Finished stopped = wait(20s);
    const std::vector<std::string> run = steps_of("run");
    const std::size_t num_lines = read_json_lines(at("run") / "metrics.jsonl").size();
    Program threads(thread_arguments("threads", endless), folder_.path());
    EXPECT_TRUE(has_made_steps(threads, at("threads"), num_lines));
    threads.send(SIGINT);
    threads.wait(20s);
    std::vector<std::string> expected = steps_of("threads");
    EXPECT_GE(expected.size(), run.size());
    expected.resize(run.size());
    EXPECT_EQ(run, expected);
    return stopped;
  }
};

TEST_F(Strangers, with_another_secret_or_version_are_dropped_counted_and_told) {
  start_endless();
  const std::vector<Listener> at_alpha = hosts_->listeners(alpha), at_beta = hosts_->listeners(beta);
  ASSERT_EQ(at_alpha.size(), 1U + devices_a_host) << "an agent, and devices";
  UcxOptions another_secret, another_version;
  another_secret.secret.fill(std::byte{7});
  another_version.version = envelope_version + 1;
  EXPECT_GE(hosts_->run(head, [&] { return speak_to(at_alpha, another_secret); }), devices_a_host);
  EXPECT_GE(hosts_->run(head, [&] { return speak_to(at_beta, another_version); }), devices_a_host);
  const Finished stopped = stop_and_compare();
  for (int rank = 0; rank < 4; ++rank)
    EXPECT_THAT(stopped.err, HasSubstr("rank " + std::to_string(rank) + " dropped 1 message"));
}

int connection_to(const Listener& target) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(target.port);
  inet_pton(AF_INET, target.address.c_str(), &where.sin_addr);
  return connect(connection, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 ? connection : -1;
}

// Some speak another language, some say nothing, and none lets go.
TEST_F(Strangers, who_hold_every_port_disturb_nobody) {
  start_endless({"--set", "cluster.freeze_timeout_secs=3"});
  std::vector<Listener> everything = hosts_->listeners(head);
  for (const int host : {alpha, beta})
    for (const Listener& listener : hosts_->listeners(host)) everything.push_back(listener);
  ASSERT_EQ(everything.size(), 7U) << "a launcher, two agents, four devices";
  const std::size_t num_steps = read_json_lines(at("run") / "metrics.jsonl").size();
  const auto hold = [&] {
    for (const Listener& target : everything) {
      const int speaker = connection_to(target), silent = connection_to(target);
      constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: dsrun\r\n\r\n";
      if (speaker < 0 || silent < 0 || send(speaker, request.data(), request.size(), MSG_NOSIGNAL) < 0) return 2;
    }
    const auto until = SteadyClock::now() + 4s;  // longer than anybody may be silent
    while (SteadyClock::now() < until)
      if (!has_made_steps(*launcher_, at("run"), num_steps + 10)) return 1;
    return 0;
  };
  EXPECT_EQ(hosts_->run(head, hold, 30s), 0);
  stop_and_compare();
}

}  // namespace
}  // namespace dsrun::test
