// The kinds of device that a job can be planned for. A new kind is a row in device_catalog.cpp and a name in the key
// cluster.node.kind. Each figure names the publication it comes from; none is taken from the speed of a training run.
#pragma once

#include <optional>
#include <string_view>

#include "cluster/forecast/devices/device_model.hpp"
#include "dsl/specs/cluster.hpp"

namespace dsrun {

// The published model of a kind; for "cpu" a guess that `dsrun calibrate` replaces. Unknown kinds: nullopt.
std::optional<DeviceModel> catalog_model(std::string_view kind);

// That model with what the job says of its links: ports of [[cluster.node]], or the emulated [cluster.link].
DeviceModel with_links(DeviceModel model, const ClusterSpec& cluster);

}  // namespace dsrun
