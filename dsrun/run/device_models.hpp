// Where the DeviceModel of a job comes from: a file of `dsrun calibrate`, or the catalog.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "cluster/forecast/devices/device_model.hpp"
#include "dsrun/exit_codes.hpp"

namespace dsrun {

// A file of a device model that cannot be read (74), or does not hold one (65).
struct DeviceModelError : std::runtime_error {
  DeviceModelError(ExitCode code, const std::string& message) : std::runtime_error(message), exit_code(code) {}
  ExitCode exit_code;
};

// Where `dsrun calibrate` writes and plans look: $XDG_CACHE_HOME/dsrun/cpu.json, or ~/.cache/dsrun/cpu.json.
std::string default_device_model_file();

// Throws DeviceModelError naming the file.
DeviceModel read_device_model(const std::string& file);
// Both make the file's folder. The first only sees whether it could be written; writing replaces it atomically.
void check_device_model_file(const std::string& file);
void write_device_model(const DeviceModel& model, const std::string& file);

// The model of the job's devices, links of [[cluster.node]] applied. `file`: of the user's choice; else, for kind
// "cpu", the default file if it is there, else the catalog's guess; for other kinds the catalog. `notes`: what the user
// should know of how well it fits this job. Throws DeviceModelError; std::runtime_error for a kind that no catalog has.
DeviceModel model_for(const Job& job, const std::string& file, std::vector<std::string>& notes);

}  // namespace dsrun
