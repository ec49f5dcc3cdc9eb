#include "cluster/forecast/devices/device_model.hpp"

#include <algorithm>

#include "models/op_table.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr EnumNames<RateClass, num_rate_classes> class_names({{RateClass::product, "product"},
                                                              {RateClass::product_fp8, "product_fp8"},
                                                              {RateClass::weight_product_fp8, "weight_product_fp8"},
                                                              {RateClass::grouped_product, "grouped_product"},
                                                              {RateClass::grouped_product_fp8, "grouped_product_fp8"},
                                                              {RateClass::grouped_weight_product_fp8,
                                                               "grouped_weight_product_fp8"},
                                                              {RateClass::attention_forward, "attention_forward"},
                                                              {RateClass::attention_backward, "attention_backward"},
                                                              {RateClass::rows, "rows"},
                                                              {RateClass::local_port, "local_port"},
                                                              {RateClass::network_port, "network_port"}});

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

const MeasuredOp* find_measured(const DeviceModel& model, StepShape shape) {
  shape.pass = timed_as(shape.pass);
  const auto same = [&](const MeasuredOp& each) {
    return static_cast<const StepShape&>(each) == shape && !each.points.empty();
  };
  const auto found = std::find_if(model.measured.begin(), model.measured.end(), same);
  return found == model.measured.end() ? nullptr : &*found;
}

bool is_product(Op op) { return op_row(op).products.forward.parameter > 0; }

// An FP8 product's operands are quantised in tiles first: read in the compute type, written in one byte. The weight
// gradient wants both operands tiled the other way round.
double quantise_bytes(const StepWork& work) {
  const double in = work.rows * work.in_cols * 3, out = work.rows * work.out_cols * 3;
  if (work.pass == Pass::backward_input) return out;
  return work.pass == Pass::backward_weight ? in + out : in;
}

}  // namespace

std::string_view rate_class_name(RateClass rate_class) { return class_names[rate_class]; }

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

bool is_measured(const DeviceModel& model, const StepShape& shape) { return find_measured(model, shape) != nullptr; }

double step_seconds(const DeviceModel& model, const StepWork& work, bool fp8) {
  if (work.part == Part::whole && work.op == Op::add && timed_as(work.pass) != Pass::forward) return 0;
  if (const MeasuredOp* measured = find_measured(model, work))
    return work.matrices * interpolate(measured->points, work.rows / work.matrices) + model.op_overhead_secs;
  const RateClass of = rate_class(work, fp8);
  const bool narrow = is_product(work.op) && of != RateClass::product && of != RateClass::grouped_product;
  const double memory = model.memory_bytes_per_sec * model.share(RateClass::rows);
  const double peak = narrow ? model.peak_flops_fp8 : model.peak_flops;
  const double compute = of == RateClass::rows ? 0 : work.flops / (peak * model.share(of));
  const double quantise = narrow ? quantise_bytes(work) / memory : 0;
  return std::max(compute, work.bytes / memory) + quantise + model.op_overhead_secs;
}

double sync_seconds(const DeviceModel& model, double SyncParts::*part, double bytes) {
  if (model.sync_bytes_per_sec.*part > 0) return bytes / model.sync_bytes_per_sec.*part;
  return bytes / (model.memory_bytes_per_sec * model.share(RateClass::rows));
}

}  // namespace dsrun
