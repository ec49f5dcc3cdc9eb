// Kinds of devices, as cluster.node.kind names them.
#pragma once

#include <string>
#include <string_view>

#include "dsl/specs/cluster.hpp"

namespace dsrun {

inline constexpr std::string_view cpu_kind = "cpu";  // threads of a host

inline bool is_cpu(const NodeSpec& node) { return node.kind == cpu_kind; }
// The kind of all devices; a valid job has only one.
inline const std::string& device_kind(const ClusterSpec& cluster) { return cluster.nodes.at(0).kind; }
inline bool on_cpu(const ClusterSpec& cluster) { return is_cpu(cluster.nodes.at(0)); }

}  // namespace dsrun
