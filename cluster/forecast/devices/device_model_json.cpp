// A DeviceModel as JSON and back.
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "cluster/forecast/devices/device_model.hpp"
#include "models/op_table.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

constexpr EnumNames<Pass, num_passes> pass_names({{Pass::forward, "forward"},
                                                  {Pass::backward_input, "backward_input"},
                                                  {Pass::backward_weight, "backward_weight"},
                                                  {Pass::recompute, "recompute"}});
constexpr EnumNames<Part, num_parts> part_names(
    {{Part::whole, "whole"}, {Part::start, "start"}, {Part::relay, "relay"}, {Part::finish, "finish"}});

// Figures that are numbers alone, each written and read by its name.
struct Figure {
  const char* name;
  double DeviceModel::*value;
};
constexpr std::array figures = {Figure{"peak_flops", &DeviceModel::peak_flops},
                                Figure{"peak_flops_fp8", &DeviceModel::peak_flops_fp8},
                                Figure{"memory_bytes_per_sec", &DeviceModel::memory_bytes_per_sec},
                                Figure{"memory_bytes", &DeviceModel::memory_bytes},
                                Figure{"communication_share", &DeviceModel::communication_share},
                                Figure{"op_overhead_secs", &DeviceModel::op_overhead_secs},
                                Figure{"instruction_overhead_secs", &DeviceModel::instruction_overhead_secs},
                                Figure{"step_overhead_secs", &DeviceModel::step_overhead_secs}};
struct SyncFigure {
  const char* name;
  double SyncParts::*value;
};
constexpr std::array sync_figures = {SyncFigure{"sum_squares", &SyncParts::sum_squares},
                                     SyncFigure{"sum", &SyncParts::sum}, SyncFigure{"update", &SyncParts::update},
                                     SyncFigure{"copy", &SyncParts::copy}};

[[noreturn]] void unknown_in_model(const std::string& name) {
  throw std::runtime_error("a device model does not know \"" + name + "\"");
}

Op op_of(const std::string& name) {
  for (std::size_t i = 0; i < num_ops; ++i)
    if (op_name(static_cast<Op>(i)) == name) return static_cast<Op>(i);
  unknown_in_model(name);
}

// Times of an op made again are those of its forward pass, so that a model has none.
Pass pass_of(const std::string& name) {
  const auto pass = pass_names.find(name);
  if (!pass || pass == Pass::recompute) unknown_in_model(name);
  return *pass;
}

Part part_of(const std::string& name) {
  const auto part = part_names.find(name);
  if (!part) unknown_in_model(name);
  return *part;
}

double not_negative(const json& from) {
  const double value = from;
  if (!(value >= 0)) throw std::runtime_error("a device model has no figures below 0");
  return value;
}

json to_json(const Port& port) { return {{"bytes_per_sec", port.bytes_per_sec}, {"latency_secs", port.latency_secs}}; }
Port port_from_json(const json& from) {
  return {not_negative(from.at("bytes_per_sec")), not_negative(from.at("latency_secs"))};
}

json to_json(const MeasuredOp& op) {
  json points = json::array();
  for (const MeasuredOp::Point& point : op.points) points.push_back({point.rows, point.seconds});
  return {{"op", op_name(op.op)},  {"pass", pass_names[op.pass]}, {"part", part_names[op.part]},
          {"in_cols", op.in_cols}, {"out_cols", op.out_cols},     {"length", op.length},
          {"rows_seconds", points}};
}

MeasuredOp measured_from_json(const json& from) {
  MeasuredOp op;
  op.op = op_of(from.at("op"));
  op.pass = pass_of(from.at("pass"));
  op.part = part_of(from.at("part"));
  op.in_cols = from.at("in_cols");
  op.out_cols = from.at("out_cols");
  op.length = from.at("length");
  for (const json& point : from.at("rows_seconds")) {
    op.points.push_back({point.at(0), not_negative(point.at(1))});
    const std::size_t last = op.points.size() - 1;
    if (!(op.points[last].rows > (last > 0 ? op.points[last - 1].rows : 0)))
      throw std::runtime_error("a device model has rows in ascending order");
  }
  return op;
}

}  // namespace

json to_json(const DeviceModel& model) {
  json out = {{"version", 1},
              {"name", model.name},
              {"source", model.source},
              {"processor", model.processor},
              {"precision", model.precision},
              {"local", to_json(model.local)},
              {"network", to_json(model.network)},
              {"cores", model.cores},
              {"sync_bytes_per_sec", json::object()},
              {"efficiencies", json::object()},
              {"measured", json::array()}};
  for (const Figure& figure : figures) out[figure.name] = model.*figure.value;
  for (const SyncFigure& figure : sync_figures)
    out["sync_bytes_per_sec"][figure.name] = model.sync_bytes_per_sec.*figure.value;
  for (std::size_t i = 0; i < num_rate_classes; ++i)
    out["efficiencies"][std::string(rate_class_name(static_cast<RateClass>(i)))] = {
        {"share", model.efficiencies[i].share}, {"source", model.efficiencies[i].source}};
  for (const MeasuredOp& op : model.measured) out["measured"].push_back(to_json(op));
  return out;
}

DeviceModel device_model_from_json(const json& from) {
  if (from.at("version") != 1) throw std::runtime_error("a device model of another version");
  DeviceModel model;
  from.at("name").get_to(model.name);
  from.at("source").get_to(model.source);
  from.at("processor").get_to(model.processor);
  from.at("precision").get_to(model.precision);
  model.local = port_from_json(from.at("local"));
  model.network = port_from_json(from.at("network"));
  from.at("cores").get_to(model.cores);
  for (const Figure& figure : figures) model.*figure.value = not_negative(from.at(figure.name));
  for (const SyncFigure& figure : sync_figures)
    model.sync_bytes_per_sec.*figure.value = not_negative(from.at("sync_bytes_per_sec").at(figure.name));
  for (std::size_t i = 0; i < num_rate_classes; ++i) {
    const json& each = from.at("efficiencies").at(std::string(rate_class_name(static_cast<RateClass>(i))));
    model.efficiencies[i] = {not_negative(each.at("share")), each.at("source")};
  }
  if (!(model.peak_flops > 0) || !(model.memory_bytes_per_sec > 0))
    throw std::runtime_error("a device model has a peak and a memory bandwidth");
  for (const json& each : from.at("measured")) model.measured.push_back(measured_from_json(each));
  return model;
}

}  // namespace dsrun
