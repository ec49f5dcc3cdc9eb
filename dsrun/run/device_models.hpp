// Where the DeviceModel of a job comes from: a file of `dsrun calibrate`, or the catalog.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "cluster/forecast/devices/device_model.hpp"
#include "dsl/job.hpp"
#include "dsrun/exit_codes.hpp"

namespace dsrun {

// A device model's file cannot be read or written (exit code 74), or its content is not a device model (65).
struct DeviceModelError : std::runtime_error {
  DeviceModelError(ExitCode code, const std::string& message) : std::runtime_error(message), exit_code(code) {}
  ExitCode exit_code;
};

// Where `dsrun calibrate` writes and plans look: $XDG_CACHE_HOME/dsrun/cpu.json, or ~/.cache/dsrun/cpu.json.
std::string default_device_model_file();

// Throws DeviceModelError naming the file.
DeviceModel read_device_model(const std::string& file);
// Both make the folder of the file. check_… finds out whether the file could be written; write_… replaces it
// atomically.
void check_device_model_file(const std::string& file);
void write_device_model(const DeviceModel& model, const std::string& file);

// The model of the job's devices, with the links of [[cluster.node]]. `file`: chosen by the user; "": for kind "cpu"
// the default file if it exists, else the catalog's guess; for other kinds the catalog. `notes`: says how well the
// model fits this job. Throws DeviceModelError; std::runtime_error for a kind that the catalog does not have.
DeviceModel model_for(const Job& job, const std::string& file, std::vector<std::string>& notes);

}  // namespace dsrun
