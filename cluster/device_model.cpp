#include "cluster/device_model.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/op_table.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, num_rate_classes> class_names = {
    "product",           "product_fp8",         "weight_product_fp8",
    "grouped_product",   "grouped_product_fp8", "grouped_weight_product_fp8",
    "attention_forward", "attention_backward",  "rows",
    "local_port",        "network_port"};
constexpr std::array<std::string_view, 4> pass_names = {"forward", "backward_input", "backward_weight", "recompute"};
constexpr std::array<std::string_view, 3> part_names = {"whole", "start", "finish"};

template <std::size_t n>
std::size_t index_of(const std::array<std::string_view, n>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw std::runtime_error("a device model does not know \"" + name + "\"");
  return static_cast<std::size_t>(found - names.begin());
}

// Times of the forward pass hold for the same op made again.
Pass timed_as(Pass pass) { return runs_forward(pass) ? Pass::forward : pass; }

// Between two sizes, along the line; outside, by the nearest one's rate, but never less than a call costs.
double interpolate(const std::vector<MeasuredOp::Point>& points, double rows) {
  const auto above =
      std::lower_bound(points.begin(), points.end(), rows, [](const auto& point, double r) { return point.rows < r; });
  if (above == points.end()) return points.back().seconds * rows / points.back().rows;
  if (above == points.begin()) {
    if (points.size() == 1) return points[0].seconds * std::max(rows / points[0].rows, 0.1);
    const double slope = (points[1].seconds - points[0].seconds) / (points[1].rows - points[0].rows);
    return std::max(points[0].seconds - slope * (points[0].rows - rows), 0.1 * points[0].seconds);
  }
  const auto below = above - 1;
  const double share = (rows - below->rows) / (above->rows - below->rows);
  return below->seconds + share * (above->seconds - below->seconds);
}

const MeasuredOp* find_measured(const DeviceModel& model, const StepWork& work) {
  const auto same = [&](const MeasuredOp& each) {
    return each.op == work.op && each.pass == timed_as(work.pass) && each.part == work.part &&
           each.in_cols == work.in_cols && each.out_cols == work.out_cols && !each.points.empty();
  };
  const auto found = std::find_if(model.measured.begin(), model.measured.end(), same);
  return found == model.measured.end() ? nullptr : &*found;
}

bool is_product(Op op) { return op == Op::linear || op == Op::grouped_linear || op == Op::head_loss; }

// An FP8 product's operands are quantised in tiles first: read in the compute type, written in one byte. The weight
// gradient wants both operands tiled the other way round.
double quantise_bytes(const StepWork& work) {
  const double in = work.rows * work.in_cols * 3, out = work.rows * work.out_cols * 3;
  if (work.pass == Pass::backward_input) return out;
  return work.pass == Pass::backward_weight ? in + out : in;
}

}  // namespace

std::string_view rate_class_name(RateClass rate_class) { return class_names[static_cast<std::size_t>(rate_class)]; }

RateClass rate_class(const StepWork& work, bool fp8) {
  if (work.op == Op::attention)
    return timed_as(work.pass) == Pass::forward ? RateClass::attention_forward : RateClass::attention_backward;
  if (!is_product(work.op)) return RateClass::rows;
  const bool grouped = work.op == Op::grouped_linear;
  if (!fp8 || work.wide) return grouped ? RateClass::grouped_product : RateClass::product;
  if (work.pass == Pass::backward_weight)
    return grouped ? RateClass::grouped_weight_product_fp8 : RateClass::weight_product_fp8;
  return grouped ? RateClass::grouped_product_fp8 : RateClass::product_fp8;
}

double step_seconds(const DeviceModel& model, const StepWork& work, bool fp8) {
  if (work.part == Part::whole && work.op == Op::add && timed_as(work.pass) != Pass::forward) return 0;
  if (const MeasuredOp* measured = find_measured(model, work))
    return work.matrices * interpolate(measured->points, work.rows / work.matrices);
  const RateClass of = rate_class(work, fp8);
  const bool narrow = is_product(work.op) && of != RateClass::product && of != RateClass::grouped_product;
  const double memory = model.memory_bytes_per_sec * model.share(RateClass::rows);
  const double peak = narrow ? model.peak_flops_fp8 : model.peak_flops;
  const double compute = of == RateClass::rows ? 0 : work.flops / (peak * model.share(of));
  const double quantise = narrow ? quantise_bytes(work) / memory : 0;
  return std::max(compute, work.bytes / memory) + quantise + model.op_overhead_secs;
}

double sync_seconds(const DeviceModel& model, double bytes) {
  if (model.sync_bytes_per_sec > 0) return bytes / model.sync_bytes_per_sec;
  return bytes / (model.memory_bytes_per_sec * model.share(RateClass::rows));
}

json to_json(const DeviceModel& model) {
  json efficiencies = json::object(), measured = json::array();
  for (std::size_t i = 0; i < num_rate_classes; ++i)
    efficiencies[std::string(class_names[i])] = {{"share", model.efficiencies[i].share},
                                                 {"source", model.efficiencies[i].source}};
  for (const MeasuredOp& each : model.measured) {
    json points = json::array();
    for (const auto& point : each.points) points.push_back({point.rows, point.seconds});
    measured.push_back({{"op", op_name(each.op)},
                        {"pass", pass_names[static_cast<std::size_t>(each.pass)]},
                        {"part", part_names[static_cast<std::size_t>(each.part)]},
                        {"in_cols", each.in_cols},
                        {"out_cols", each.out_cols},
                        {"rows_seconds", points}});
  }
  const auto port = [](const Port& each) {
    return json{{"bytes_per_sec", each.bytes_per_sec}, {"latency_secs", each.latency_secs}};
  };
  return {{"version", 1},
          {"name", model.name},
          {"source", model.source},
          {"peak_flops", model.peak_flops},
          {"peak_flops_fp8", model.peak_flops_fp8},
          {"memory_bytes_per_sec", model.memory_bytes_per_sec},
          {"memory_bytes", model.memory_bytes},
          {"efficiencies", efficiencies},
          {"communication_share", model.communication_share},
          {"op_overhead_secs", model.op_overhead_secs},
          {"instruction_overhead_secs", model.instruction_overhead_secs},
          {"step_overhead_secs", model.step_overhead_secs},
          {"sync_bytes_per_sec", model.sync_bytes_per_sec},
          {"local", port(model.local)},
          {"network", port(model.network)},
          {"cores", model.cores},
          {"measured", measured},
          {"price_per_hour", model.price_per_hour}};
}

DeviceModel device_model_from_json(const json& from) {
  if (from.at("version") != 1) throw std::runtime_error("a device model of another version");
  DeviceModel model;
  from.at("name").get_to(model.name);
  from.at("source").get_to(model.source);
  from.at("peak_flops").get_to(model.peak_flops);
  from.at("peak_flops_fp8").get_to(model.peak_flops_fp8);
  from.at("memory_bytes_per_sec").get_to(model.memory_bytes_per_sec);
  from.at("memory_bytes").get_to(model.memory_bytes);
  for (std::size_t i = 0; i < num_rate_classes; ++i) {
    const json& each = from.at("efficiencies").at(std::string(class_names[i]));
    model.efficiencies[i] = {each.at("share"), each.at("source")};
  }
  from.at("communication_share").get_to(model.communication_share);
  from.at("op_overhead_secs").get_to(model.op_overhead_secs);
  from.at("instruction_overhead_secs").get_to(model.instruction_overhead_secs);
  from.at("step_overhead_secs").get_to(model.step_overhead_secs);
  from.at("sync_bytes_per_sec").get_to(model.sync_bytes_per_sec);
  const auto port = [](const json& each) { return Port{each.at("bytes_per_sec"), each.at("latency_secs")}; };
  model.local = port(from.at("local"));
  model.network = port(from.at("network"));
  from.at("cores").get_to(model.cores);
  from.at("price_per_hour").get_to(model.price_per_hour);
  std::array<std::string_view, num_ops> ops{};
  for (std::size_t i = 0; i < num_ops; ++i) ops[i] = op_name(static_cast<Op>(i));
  for (const json& each : from.at("measured")) {
    MeasuredOp op;
    op.op = static_cast<Op>(index_of(ops, each.at("op")));
    op.pass = static_cast<Pass>(index_of(pass_names, each.at("pass")));
    op.part = static_cast<Part>(index_of(part_names, each.at("part")));
    op.in_cols = each.at("in_cols");
    op.out_cols = each.at("out_cols");
    for (const json& point : each.at("rows_seconds")) op.points.push_back({point.at(0), point.at(1)});
    const auto ascending = [](const auto& a, const auto& b) { return a.rows < b.rows; };
    std::sort(op.points.begin(), op.points.end(), ascending);
    for (const auto& point : op.points)
      if (!(point.rows > 0) || !(point.seconds >= 0)) throw std::runtime_error("a device model with a size below 0");
    model.measured.push_back(std::move(op));
  }
  return model;
}

}  // namespace dsrun
