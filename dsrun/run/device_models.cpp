#include "dsrun/run/device_models.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/machine/peak.hpp"

namespace dsrun {
namespace {

namespace fs = std::filesystem;

// The precision in which a job's products run on the processor at hand.
std::string_view precision_here(const Job& job) {
  if (job.precision.compute == Precision::fp64) return "fp64";
  return job.precision.compute == Precision::bf16 && backend_for(cpu_kind).computes_in(Precision::bf16) ? "bf16"
                                                                                                        : "fp32";
}

void note_what_differs(const DeviceModel& model, const Job& job, const std::string& file,
                       std::vector<std::string>& notes) {
  if (!model.processor.empty() && model.processor != processor_name())
    notes.push_back(fmt::format("{} was measured on another processor, {}", file, model.processor));
  if (!model.precision.empty() && model.precision != precision_here(job))
    notes.push_back(
        fmt::format("{} was measured in {}, but this job computes in {}: run dsrun calibrate with "
                    "this job",
                    file, model.precision, precision_here(job)));
}

[[noreturn]] void cannot_write(const std::string& file, const std::error_code& error) {
  const std::string why = error ? error.message() : std::strerror(errno);
  throw DeviceModelError(exit_storage, fmt::format("cannot write {}: {}", file, why));
}

}  // namespace

std::string default_device_model_file() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string cache = variable("XDG_CACHE_HOME");
  const fs::path folder = cache.starts_with('/') ? fs::path(cache) : fs::path(variable("HOME")) / ".cache";
  return (folder / "dsrun" / "cpu.json").string();
}

DeviceModel read_device_model(const std::string& file) {
  std::error_code error;
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file, error))  // reading from a folder throws
    throw DeviceModelError(exit_storage, fmt::format("cannot read the device model {}", file));
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  try {
    return device_model_from_json(nlohmann::json::parse(text));
  } catch (const std::exception& fault) {
    throw DeviceModelError(exit_job_file, fmt::format("{} is not a device model of this version of dsrun: {}; dsrun "
                                                      "calibrate writes one",
                                                      file, fault.what()));
  }
}

void check_device_model_file(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  const std::string part = file + ".part";
  if (!std::ofstream(part, std::ios::binary | std::ios::app) || fs::is_directory(file)) cannot_write(file, error);
  fs::remove(part, error);
}

void write_device_model(const DeviceModel& model, const std::string& file) {
  check_device_model_file(file);
  const std::string part = file + ".part";
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out << to_json(model).dump(1) << '\n';
  out.close();
  std::error_code error;
  if (out) fs::rename(part, file, error);
  if (!out || error) cannot_write(file, error);
}

DeviceModel model_for(const Job& job, const std::string& file, std::vector<std::string>& notes) {
  const std::string& kind = job.cluster.nodes[0].kind;
  const std::string measured = !file.empty() ? file : kind == cpu_kind ? default_device_model_file() : "";
  if (!file.empty() || (!measured.empty() && fs::exists(measured))) {
    const DeviceModel model = read_device_model(measured);
    note_what_differs(model, job, measured, notes);
    return with_links(model, job.cluster);
  }
  const std::optional<DeviceModel> model = catalog_model(kind);
  if (!model) throw std::runtime_error(fmt::format("no device model of kind \"{}\" is known", kind));
  if (kind == cpu_kind)
    notes.push_back("times are a guess, because this machine was not measured: dsrun calibrate FILE measures it");
  return with_links(*model, job.cluster);
}

}  // namespace dsrun
