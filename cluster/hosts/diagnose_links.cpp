// Checks of what hosts have in common: folders, data, networks, and the ways between processes.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cluster/hosts/diagnose_checks.hpp"
#include "cluster/report/chart/units.hpp"
#include "dsl/transports.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

std::string name_of(const Diagnosis& d, const LinkMeasure& link) {
  const std::string& from = d.of_node(link.from_node).host;
  return link.from_node == link.to_node ? "inside " + from
                                        : fmt::format("{} to {}", from, d.of_node(link.to_node).host);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// Ways that ought to be alike: inside a host, between nodes on one machine, between machines.
enum class Way : std::uint8_t { inside, on_machine, between };
constexpr EnumNames<Way, 3> way_names({{Way::inside, "inside hosts"},
                                       {Way::on_machine, "between nodes of one machine"},
                                       {Way::between, "between hosts"}});

Way way_of(const Diagnosis& d, const LinkMeasure& link) {
  if (link.from_node == link.to_node) return Way::inside;
  return d.of_node(link.from_node).machine == d.of_node(link.to_node).machine ? Way::on_machine : Way::between;
}

double slower_way(const LinkMeasure& link) { return std::min(link.bytes_per_sec, link.bytes_per_sec_back); }

}  // namespace

std::string check_ports(Diagnosis& d) {
  int least = 0;
  for (const Diagnosis::Machine& machine : d.machines) {
    const int ports = machine.report->last_port - machine.report->first_port + 1;
    if (machine.report->last_port == 0) continue;
    least = least == 0 ? ports : std::min(least, ports);
    const std::int64_t wanted = std::int64_t{machine.devices} * std::max(1, d.needs.world);
    if (ports < wanted)
      d.warn(machine.hosts, fmt::format("{} ports to connect from, its devices may want {}", ports, wanted),
             "widen net.ipv4.ip_local_port_range");
  }
  return least == 0 ? "" : fmt::format("at least {} to connect from", least);
}

std::string check_folder(Diagnosis& d) {
  bool asked = false;
  if (!d.needs.launcher_can_write)
    d.fail("", "the launcher cannot write to the folder where the run's is to be", "--run-dir DIR elsewhere");
  for (const HostReport* report : d.examined) {
    const FolderReport& folder = report->folder;
    if (folder.path.empty()) continue;
    asked = true;
    if (!folder.fault.empty())
      d.fail(report->host, fmt::format("{}: {}", folder.path, folder.fault),
             "mount the same folder on all hosts, or --run-dir DIR on one that is");
    else if (!folder.is_shared)
      d.fail(report->host,
             fmt::format("{} is another folder than the launcher's: checkpoints will not come together", folder.path),
             "mount the same folder on all hosts, or --run-dir DIR on one that is");
    else if (!folder.can_write)
      d.fail(report->host, fmt::format("{} cannot be written to", folder.path),
             "give its user the right to, or --run-dir DIR elsewhere");
  }
  return asked ? "one folder for all hosts, which can be written to" : "";
}

std::string check_data(Diagnosis& d) {
  for (const std::string& fault : d.needs.faults) d.fail("", fault, "data.files, and the launcher's folder");
  for (const HostReport* report : d.examined)
    for (std::size_t i = 0; i < std::min(report->files.size(), d.needs.files.size()); ++i) {
      const FileReport &there = report->files[i], &here = d.needs.files[i];
      if (there.num_bytes < 0)
        d.fail(report->host, fmt::format("{}: {}", there.path, there.fault), "copy it to the same path, or mount it");
      else if (here.num_bytes >= 0 && there.num_bytes != here.num_bytes)
        d.fail(report->host,
               fmt::format("{} has {} bytes, the launcher's {}", there.path, there.num_bytes, here.num_bytes),
               "copy the launcher's file to the same path");
    }
  return d.needs.files.empty() || d.examined.empty()
             ? ""
             : fmt::format("{} file{} the same size everywhere", d.needs.files.size(),
                           d.needs.files.size() == 1 ? " has" : "s have");
}

std::string check_interface(Diagnosis& d) {
  const std::string& wanted = d.needs.interface;
  if (wanted.empty()) return "";
  for (const HostReport* report : d.examined) {
    const auto found = std::find_if(report->interfaces.begin(), report->interfaces.end(),
                                    [&](const InterfaceReport& each) { return each.name == wanted; });
    std::string names;
    for (const InterfaceReport& each : report->interfaces) names += (names.empty() ? "" : ", ") + each.name;
    if (found == report->interfaces.end())
      d.fail(report->host, fmt::format("has no network interface \"{}\"; it has {}", wanted, names),
             "cluster.network.interface = one that all hosts have");
    else if (!found->is_up)
      d.fail(report->host, fmt::format("its network interface \"{}\" is down, or has no carrier", wanted),
             fmt::format("ip link set {} up, or another cluster.network.interface", wanted));
    else if (found->address.empty())
      d.fail(report->host, fmt::format("its network interface \"{}\" has no IPv4 address", wanted),
             "give it one, or another cluster.network.interface");
  }
  return d.examined.empty() ? "" : fmt::format("\"{}\" is up on every host", wanted);
}

std::string check_transports(Diagnosis& d) {
  // UCX's names for several of them, and ways to leave some out.
  constexpr std::array groups = {"all", "sm", "shm", "mm", "ib", "cuda", "rocm", "rc", "dc", "ud", "self"};
  for (const HostReport* report : d.examined) {
    if (report->ucx_version.empty()) {
      d.fail(report->host, "UCX offers no transports", "see what ucx_info -d says there");
      continue;
    }
    if (d.needs.transports.starts_with('^')) continue;
    for (const std::string& word : words_of_list(d.needs.transports)) {
      const bool is_group = std::find(groups.begin(), groups.end(), word) != groups.end();
      const bool is_there =
          is_group || std::any_of(report->transports.begin(), report->transports.end(), [&](const std::string& each) {
            return each == word || each.starts_with(word + "/");
          });
      if (!is_there)
        d.warn(report->host, fmt::format("UCX {} offers no transport \"{}\"", report->ucx_version, word),
               "cluster.network.transports = names of ucx_info -d");
    }
    if (report->ucx_version != d.examined.front()->ucx_version)
      d.warn(report->host,
             fmt::format("UCX {} here, {} on {}", report->ucx_version, d.examined.front()->ucx_version,
                         d.examined.front()->host),
             "the same libucx everywhere");
  }
  return d.examined.empty() ? "" : fmt::format("UCX {} everywhere", d.examined.front()->ucx_version);
}

std::string check_links(Diagnosis& d) {
  std::vector<const LinkMeasure*> told;  // one of each fault
  for (const LinkMeasure& link : d.links) {
    const auto same = [&](const auto& other) { return other.fault == link.fault; };
    if (link.fault.empty() || std::any_of(told.begin(), told.end(), [&](const auto* each) { return same(*each); }))
      continue;
    told.push_back(&link);
    const auto alike = std::count_if(d.links.begin(), d.links.end(), same);
    d.fail(
        d.of_node(link.from_node).host,
        fmt::format("{}{}: {}", name_of(d, link), alike > 1 ? fmt::format(" and {} more", alike - 1) : "", link.fault),
        link.fault.starts_with(fault_without_probes) ? "mend what keeps its processes from starting"
        : link.from_node == link.to_node
            ? "cluster.network.transports = \"tcp,self\" tells whether shared memory is at fault"
            : "let firewalls pass tcp between the hosts, or another cluster.network.interface");
  }
  if (d.links.empty()) return "";
  return fmt::format("{} pair{} of processes reached each other", d.links.size(), d.links.size() == 1 ? "" : "s");
}

std::string check_speed(Diagnosis& d) {
  bool asked = false;
  for (const Way way : {Way::inside, Way::on_machine, Way::between}) {
    std::vector<const LinkMeasure*> alike;
    std::vector<double> speeds;
    for (const LinkMeasure& link : d.links) {
      if (!link.fault.empty() || way_of(d, link) != way) continue;
      alike.push_back(&link);
      speeds.push_back(slower_way(link));
    }
    if (alike.size() < 2) continue;
    asked = true;
    const double usual = median(speeds);
    for (const LinkMeasure* link : alike)
      if (slower_way(*link) < usual / 2)
        d.warn(d.of_node(link->from_node).host,
               fmt::format("{} ({}): {:.3g} GB/s, less than half of the {:.3g} that are usual {}", name_of(d, *link),
                           link->transport, slower_way(*link) * 1e-9, usual * 1e-9, way_names[way]),
               way != Way::between ? "see what else runs there, and its transports above"
                                   : "see its cable, its port and its mtu");
  }
  return asked ? "no pair is slower than half of what is usual for its kind" : "";
}

}  // namespace dsrun
