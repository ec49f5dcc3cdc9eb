// Each finding of dsrun doctor, from reports that are made up: of two hosts on machines of their own with whom nothing
// is wrong, one thing is then put wrong.
#include "cluster/hosts/diagnose.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30;

HostReport good_host(int node) {
  HostReport report;
  report.node = node;
  report.host = fmt::format("host-{}", node);
  report.machine = fmt::format("boot of {}", node);
  report.build = "1 (same)";
  report.has_bf16 = true;
  report.cores = 8;
  report.memory_bytes = 64 * gib;
  report.available_bytes = 32 * gib;
  report.shm_bytes = report.free_shm_bytes = gib;
  report.clock = {0.002, 0.001};
  report.limits.open_files = report.limits.most_open_files = 1024;
  report.limits.processes = 4096;
  report.ptrace_scope = 1;
  report.first_port = 32768;
  report.last_port = 60999;
  report.folder = {"/shared/runs", true, true, 100 * gib, ""};
  report.files = {{"/shared/text", 1000, ""}};
  report.interfaces = {{"lo", "127.0.0.1", true, 65536, -1}, {"eth0", "192.0.2.1", true, 1500, 10000}};
  report.ucx_version = "1.13.1";
  report.transports = {"self", "tcp/eth0", "posix", "cma"};
  return report;
}

LinkMeasure link_between(int from, int to, double gb_per_s) {
  return {from, to, from == to ? "posix+cma" : "tcp/eth0", from == to ? 1e-6 : 3e-5, gb_per_s * 1e9, gb_per_s * 1e9};
}

struct Patients {
  std::vector<HostReport> reports;
  std::vector<LinkMeasure> links;
  JobNeeds needs;

  explicit Patients(int hosts = 2) {
    for (int node = 0; node < hosts; ++node) {
      reports.push_back(good_host(node));
      links.push_back(link_between(node, node, 6));
      for (int to = node + 1; to < hosts; ++to) links.push_back(link_between(node, to, 1));
    }
    needs.has_job = true;
    needs.build = "1 (same)";
    needs.nodes.assign(static_cast<std::size_t>(hosts), {4, 8 * gib});
    needs.world = 4 * hosts;
    needs.wants_bf16 = true;
    needs.interface = "eth0";
    needs.files = {{"/shared/text", 1000, ""}};
  }
  std::vector<Finding> found() const { return diagnose(reports, links, needs); }
};

// What is not in order, "severity check host" a line.
std::string trouble(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& each : findings)
    if (each.severity != Severity::ok)
      text += fmt::format("{}{} {} {}", text.empty() ? "" : "; ", severity_name(each.severity), each.check, each.host);
  return text;
}

TEST(Diagnose, good_hosts_have_nothing_but_what_is_in_order) {
  const auto findings = Patients(3).found();
  EXPECT_EQ(trouble(findings), "");
  EXPECT_FALSE(any_failed(findings));
  EXPECT_GE(findings.size(), 15U) << "each check says what it found in order";
  for (const Finding& each : findings) EXPECT_FALSE(each.what.empty()) << each.check;
}

struct Case {
  const char* name;
  std::function<void(Patients&)> harm;
  const char* expected;  // of trouble()
  const char* word;      // in the first finding's text or in what mends it
};

class EachFinding : public testing::TestWithParam<Case> {};

TEST_P(EachFinding, is_told_with_host_reason_and_remedy) {
  Patients patients(2);
  GetParam().harm(patients);
  const auto findings = patients.found();
  EXPECT_EQ(trouble(findings), GetParam().expected);
  ASSERT_FALSE(findings.empty());
  const std::string all = findings[0].what + "\n" + findings[0].mend;
  EXPECT_NE(all.find(GetParam().word), std::string::npos) << all;
  EXPECT_FALSE(findings[0].mend.empty());
  EXPECT_EQ(any_failed(findings), findings[0].severity == Severity::fail) << "the worst stands first";
}

HostReport& second(Patients& p) { return p.reports[1]; }

const Case cases[] = {
    {"unreachable",
     [](Patients& p) {
       second(p).fault = "its agent ended: exit code 255";
       p.links.resize(1);
     },
     "fail hosts host-1", "exit code 255"},
    {"another_build",
     [](Patients& p) {
       second(p).build = "2 (other)";
       second(p).fault = "another build";
     },
     "fail build host-1", "2 (other)"},
    {"clock_ahead",
     [](Patients& p) {
       second(p).clock = {1.5, 0.01};
     },
     "warn clock host-1", "ahead of"},
    {"clock_behind",
     [](Patients& p) {
       second(p).clock = {-1.5, 0.01};
     },
     "warn clock host-1", "behind"},
    {"clock_a_day_off",
     [](Patients& p) {
       second(p).clock = {2e5, 0.01};
     },
     "fail clock host-1", "certificates"},
    {"cores_shared", [](Patients& p) { second(p).cores = 2; }, "warn cores host-1", "4 devices of 1 threads share 2"},
    {"cores_granted", [](Patients& p) { second(p).limits.group_cores = 1.5; }, "warn cores host-1", "control group"},
    {"bf16_on_some", [](Patients& p) { second(p).has_bf16 = false; }, "fail bf16 host-1", "fp32"},
    {"bf16_on_none", [](Patients& p) { p.reports[0].has_bf16 = second(p).has_bf16 = false; }, "warn bf16 ", "fp32"},
    {"little_memory", [](Patients& p) { second(p).available_bytes = 7 * gib; }, "fail memory host-1", "dsrun plan"},
    {"memory_shared_by_nodes",
     [](Patients& p) {
       second(p).machine = p.reports[0].machine;
       p.reports[0].available_bytes = second(p).available_bytes = 15 * gib;
     },
     "fail memory host-0, host-1", "16.0 GiB"},
    {"small_shm", [](Patients& p) { second(p).shm_bytes = second(p).free_shm_bytes = 64 << 20; },
     "fail /dev/shm host-1", "size=81M"},
    {"no_shm", [](Patients& p) { second(p).shm_bytes = second(p).free_shm_bytes = -1; }, "warn /dev/shm host-1",
     "slower"},
    {"ptrace_scope",
     [](Patients& p) {
       second(p).transports.pop_back();
       second(p).ptrace_scope = 2;
     },
     "warn cma host-1", "ptrace_scope=0"},
    {"no_cma",
     [](Patients& p) {
       second(p).transports.pop_back();
       second(p).ptrace_scope = -1;
     },
     "warn cma host-1", "SYS_PTRACE"},
    {"few_files",
     [](Patients& p) {
       p.needs.world = 2000;
       second(p).limits.most_open_files = 4096;
       p.reports[0].limits.open_files = 4096;
     },
     "fail open files host-1", "ulimit -n 2064"},
    {"few_files_for_good", [](Patients& p) { second(p).limits.open_files = second(p).limits.most_open_files = 64; },
     "fail open files host-1", "limits.conf"},
    {"few_processes", [](Patients& p) { second(p).limits.processes = 50; }, "fail processes host-1", "ulimit -u"},
    {"few_processes_in_group", [](Patients& p) { second(p).limits.group_processes = 50; }, "fail processes host-1",
     "pids.max"},
    {"little_locked_memory",
     [](Patients& p) {
       second(p).transports.push_back("rc_mlx5/mlx5_0:1");
       second(p).limits.locked_bytes = 8 << 20;
     },
     "warn locked memory host-1", "ulimit -l"},
    {"few_ports", [](Patients& p) { second(p).last_port = second(p).first_port + 9; }, "warn ports host-1",
     "ip_local_port_range"},
    {"folder_not_shared", [](Patients& p) { second(p).folder.is_shared = false; }, "fail run folder host-1", "mount"},
    {"folder_missing", [](Patients& p) { second(p).folder.fault = "No such file or directory"; },
     "fail run folder host-1", "No such file"},
    {"folder_read_only", [](Patients& p) { second(p).folder.can_write = false; }, "fail run folder host-1",
     "cannot be written"},
    {"folder_read_only_at_launcher", [](Patients& p) { p.needs.launcher_can_write = false; }, "fail run folder ",
     "--run-dir"},
    {"data_missing",
     [](Patients& p) {
       second(p).files[0] = {"/shared/text", -1, "No such file or directory"};
     },
     "fail data host-1", "copy it"},
    {"data_of_another_size", [](Patients& p) { second(p).files[0].num_bytes = 999; }, "fail data host-1",
     "999 bytes, the launcher's 1000"},
    {"pattern_without_file", [](Patients& p) { p.needs.faults = {"no file matches \"*.txt\""}; }, "fail data ",
     "*.txt"},
    {"interface_missing",
     [](Patients& p) {
       p.needs.interface = "ib0";
       second(p).interfaces.push_back({"ib0", "192.0.2.9", true, 2044, -1});
     },
     "fail interface host-0", "it has lo, eth0"},
    {"interface_down", [](Patients& p) { second(p).interfaces[1].is_up = false; }, "fail interface host-1",
     "ip link set eth0 up"},
    {"interface_without_address", [](Patients& p) { second(p).interfaces[1].address = ""; }, "fail interface host-1",
     "IPv4"},
    {"unknown_transport",
     [](Patients& p) {
       p.needs.transports = "tcp,self,cma";
       second(p).transports.pop_back();
       p.needs.nodes.assign(2, {1, gib});
     },
     "warn transports host-1", "\"cma\""},
    {"another_ucx", [](Patients& p) { second(p).ucx_version = "1.17.0"; }, "warn transports host-1", "1.17.0"},
    {"no_ucx",
     [](Patients& p) {
       second(p).ucx_version = "";
       second(p).transports = {};
     },
     "fail transports host-1", "ucx_info"},
    {"broken_link", [](Patients& p) { p.links[1].fault = "no answer in time"; }, "fail links host-0",
     "host-0 to host-1: no answer"},
};
INSTANTIATE_TEST_SUITE_P(Diagnose, EachFinding, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

TEST(Diagnose, a_pair_at_less_than_half_of_its_kinds_median_is_slow) {
  Patients patients(4);
  for (LinkMeasure& link : patients.links)
    if (link.from_node == 1 && link.to_node == 3) link.bytes_per_sec_back = 0.4e9;
  const auto findings = patients.found();
  EXPECT_EQ(trouble(findings), "warn speed host-1");
  EXPECT_NE(findings[0].what.find("host-1 to host-3 (tcp/eth0): 0.4 GB/s"), std::string::npos) << findings[0].what;
}

TEST(Diagnose, ways_of_different_kinds_are_not_compared) {
  Patients patients(3);
  patients.reports[1].machine = patients.reports[0].machine;  // shared memory between these two
  for (LinkMeasure& link : patients.links)
    if (link.from_node == 0 && link.to_node == 1) link = link_between(0, 1, 50);
  patients.reports[0].cores = patients.reports[1].cores = 16;
  EXPECT_EQ(trouble(patients.found()), "");
}

TEST(Diagnose, many_links_with_one_fault_are_one_finding) {
  Patients patients(3);
  for (LinkMeasure& link : patients.links) link.fault = "no probes";
  const auto findings = patients.found();
  EXPECT_EQ(trouble(findings), "fail links host-0");
  EXPECT_NE(findings[0].what.find("and 5 more"), std::string::npos) << findings[0].what;
}

TEST(Diagnose, without_a_job_a_machine_is_asked_for_what_every_job_wants) {
  Patients patients(1);
  patients.needs = {};
  patients.needs.build = "1 (same)";
  patients.needs.nodes.resize(1);
  patients.reports[0].folder = {};
  patients.reports[0].files = {};
  EXPECT_EQ(trouble(patients.found()), "");
  patients.reports[0].free_shm_bytes = 1 << 20;
  patients.reports[0].limits.open_files = 32;
  EXPECT_EQ(trouble(patients.found()), "fail /dev/shm host-0; fail open files host-0");
}

TEST(Diagnose, threads_of_one_process_want_no_shared_memory) {
  Patients patients(1);
  patients.needs.in_processes = false;
  patients.reports[0].free_shm_bytes = 0;
  patients.reports[0].transports = {"tcp/eth0"};
  EXPECT_EQ(trouble(patients.found()), "");
}

}  // namespace
}  // namespace dsrun
