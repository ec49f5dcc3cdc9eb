#include "dsrun/verbs/text/doctor_report.hpp"

#include <nlohmann/json.hpp>

namespace dsrun {
namespace {

using nlohmann::json;

json to_json(const LimitReport& limits) {
  return {{"open_files", limits.open_files},
          {"most_open_files", limits.most_open_files},
          {"locked_bytes", limits.locked_bytes},
          {"processes", limits.processes},
          {"group_memory_bytes", limits.group_memory_bytes},
          {"group_cores", limits.group_cores},
          {"group_processes", limits.group_processes}};
}

json to_json(const FolderReport& folder) {
  return {{"path", folder.path},
          {"shared", folder.is_shared},
          {"writable", folder.can_write},
          {"free_bytes", folder.free_bytes},
          {"fault", folder.fault}};
}

json to_json(const HostReport& host) {
  if (!host.fault.empty())
    return {{"node", host.node},
            {"host", host.host},
            {"own_name", host.own_name},
            {"build", host.build},
            {"fault", host.fault}};
  json files = json::array(), interfaces = json::array();
  for (const FileReport& file : host.files)
    files.push_back({{"path", file.path}, {"bytes", file.num_bytes}, {"fault", file.fault}});
  for (const InterfaceReport& each : host.interfaces)
    interfaces.push_back({{"name", each.name},
                          {"address", each.address},
                          {"up", each.is_up},
                          {"mtu", each.mtu},
                          {"mbit_per_s", each.speed_mbit_per_s}});
  json out = {{"node", host.node},
              {"host", host.host},
              {"own_name", host.own_name},
              {"machine", host.machine},
              {"build", host.build},
              {"kernel", host.kernel},
              {"processor", host.processor},
              {"features", host.features},
              {"bf16", host.has_bf16},
              {"cores", host.cores},
              {"memory_bytes", host.memory_bytes},
              {"available_bytes", host.available_bytes},
              {"shm_bytes", host.shm_bytes},
              {"free_shm_bytes", host.free_shm_bytes},
              {"clock", {{"offset_secs", host.clock.offset_secs}, {"error_secs", host.clock.error_secs}}},
              {"limits", to_json(host.limits)},
              {"ptrace_scope", host.ptrace_scope},
              {"ports", {host.first_port, host.last_port}},
              {"files", files},
              {"interfaces", interfaces},
              {"ucx", {{"version", host.ucx_version}, {"transports", host.transports}}}};
  if (!host.folder.path.empty()) out["folder"] = to_json(host.folder);
  return out;
}

json to_json(const LinkMeasure& link) {
  json out = {{"from", link.from_node}, {"to", link.to_node}};
  if (!link.fault.empty()) {
    out["fault"] = link.fault;
    return out;
  }
  out["transport"] = link.transport;
  out["latency_secs"] = link.latency_secs;
  out["bytes_per_sec"] = link.bytes_per_sec;
  out["bytes_per_sec_back"] = link.bytes_per_sec_back;
  return out;
}

}  // namespace

json doctor_json(const DoctorReport& report) {
  json hosts = json::array(), links = json::array(), findings = json::array();
  for (const HostReport& host : report.hosts) hosts.push_back(to_json(host));
  for (const LinkMeasure& link : report.links) links.push_back(to_json(link));
  for (const Finding& finding : report.findings)
    findings.push_back({{"severity", severity_name(finding.severity)},
                        {"check", finding.check},
                        {"host", finding.host},
                        {"what", finding.what},
                        {"mend", finding.mend}});
  return {{"version", 1}, {"build", report.build}, {"hosts", hosts}, {"links", links}, {"findings", findings}};
}

}  // namespace dsrun
