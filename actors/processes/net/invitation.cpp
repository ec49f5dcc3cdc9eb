#include "actors/processes/net/invitation.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dsrun {
namespace {

using nlohmann::json;

std::string to_hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string from_hex(const std::string& text) {
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw std::runtime_error("not an invitation: a secret that is not hexadecimal");
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

json to_json(const Credentials& credentials) {
  return {{"authority", credentials.authority}, {"certificate", credentials.certificate}, {"key", credentials.key}};
}

Credentials credentials_of(const json& from) {
  return {from.at("authority").get<std::string>(), from.at("certificate").get<std::string>(),
          from.at("key").get<std::string>()};
}

json to_json(const HostPort& where) { return {{"host", where.host}, {"port", where.port}}; }

HostPort place_of(const json& from) {
  return {from.at("host").get<std::string>(), from.at("port").get<std::uint16_t>()};
}

template <class Read>
auto read(const std::string& text, const char* kind, Read read_fields) {
  try {
    const json from = json::parse(text);
    if (from.at("to") != kind) throw std::runtime_error(fmt::format("not an invitation to a {}", kind));
    return read_fields(from);
  } catch (const json::exception& error) {
    throw std::runtime_error(fmt::format("not an invitation: {}", error.what()));
  }
}

}  // namespace

std::string to_text(const AgentInvitation& i) {
  const json out = {{"to", "agent"},
                    {"job", i.job},
                    {"node", i.node},
                    {"gate", to_json(i.gate)},
                    {"interface", i.interface},
                    {"transports", i.transports},
                    {"credentials", to_json(i.credentials)}};
  return out.dump();
}

AgentInvitation read_agent_invitation(const std::string& text) {
  return read(text, "agent", [](const json& from) {
    return AgentInvitation{from.at("job").get<std::string>(),
                           from.at("node").get<int>(),
                           place_of(from.at("gate")),
                           from.at("interface").get<std::string>(),
                           from.at("transports").get<std::string>(),
                           credentials_of(from.at("credentials"))};
  });
}

std::string to_text(const DeviceInvitation& i) {
  const json out = {{"to", "device"},
                    {"rank", i.rank},
                    {"node", i.node},
                    {"generation", i.membership.generation},
                    {"hosts", i.membership.hosts},
                    {"agent", to_json(i.agent)},
                    {"agent_pid", i.agent_pid},
                    {"interface", i.interface},
                    {"transports", i.transports},
                    {"secret", to_hex(i.secret)},
                    {"freeze_secs", i.freeze_secs},
                    {"clock_ahead_ns", i.clock_ahead_ns},
                    {"brief", i.brief},
                    {"credentials", to_json(i.credentials)}};
  return out.dump();
}

DeviceInvitation read_device_invitation(const std::string& text) {
  return read(text, "device", [](const json& from) {
    DeviceInvitation i;
    i.rank = from.at("rank").get<int>();
    i.node = from.at("node").get<int>();
    i.membership.generation = from.at("generation").get<std::uint32_t>();
    i.membership.hosts = from.at("hosts").get<std::vector<int>>();
    i.agent = place_of(from.at("agent"));
    i.agent_pid = from.at("agent_pid").get<int>();
    i.interface = from.at("interface").get<std::string>();
    i.transports = from.at("transports").get<std::string>();
    i.secret = from_hex(from.at("secret").get<std::string>());
    i.freeze_secs = from.at("freeze_secs").get<double>();
    i.clock_ahead_ns = from.at("clock_ahead_ns").get<std::int64_t>();
    i.brief = from.at("brief").get<std::string>();
    i.credentials = credentials_of(from.at("credentials"));
    return i;
  });
}

}  // namespace dsrun
