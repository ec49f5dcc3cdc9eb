// DeviceModel: what measured points say of sizes in between, what stands in for shapes that were not measured, and
// JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/devices/device_model.hpp"

namespace dsrun {
namespace {

using testing::HasSubstr;

constexpr StepShape linear_shape{Op::linear, Pass::forward, Part::whole, 64, 128, 0};

DeviceModel measured_model() {
  DeviceModel model;
  model.name = "cpu";
  model.source = "a test";
  model.processor = "an abacus";
  model.precision = "fp32";
  model.peak_flops = 1e9;
  model.memory_bytes_per_sec = 1e8;
  model.op_overhead_secs = 1e-6;
  model.step_overhead_secs = 2e-4;
  model.sync_bytes_per_sec = {.sum_squares = 1, .sum = 2, .update = 3, .copy = 4};
  model.local = {5, 6};
  model.network = {7, 8};
  model.cores = 2;
  model.efficiency(RateClass::product) = {0.5, "a guess"};
  model.measured = {{linear_shape, {{100, 1e-3}, {200, 1.5e-3}, {400, 3.5e-3}}}};
  return model;
}

StepWork work_of(double rows, double matrices = 1) {
  StepWork work{linear_shape};
  work.rows = rows;
  work.matrices = matrices;
  work.flops = rows * 1e4;
  work.bytes = 1;
  return work;
}

double measured_seconds(double rows, double matrices = 1) {
  const DeviceModel model = measured_model();
  return step_seconds(model, work_of(rows, matrices)) - model.op_overhead_secs;
}

TEST(MeasuredSteps, stand_on_their_points_and_on_the_line_between_two) {
  EXPECT_DOUBLE_EQ(measured_seconds(100), 1e-3);
  EXPECT_DOUBLE_EQ(measured_seconds(150), 1.25e-3);
  EXPECT_DOUBLE_EQ(measured_seconds(300), 2.5e-3);
  EXPECT_DOUBLE_EQ(measured_seconds(400), 3.5e-3);
}

TEST(MeasuredSteps, go_on_at_the_rate_of_the_largest) { EXPECT_DOUBLE_EQ(measured_seconds(800), 7e-3); }

TEST(MeasuredSteps, go_on_along_the_first_slope_below_the_smallest_and_cost_something_always) {
  EXPECT_DOUBLE_EQ(measured_seconds(80), 0.9e-3);
  EXPECT_GT(measured_seconds(1), 0);
}

TEST(MeasuredSteps, cost_each_matrix_its_share_of_the_rows) { EXPECT_DOUBLE_EQ(measured_seconds(600, 4), 4 * 1.25e-3); }

TEST(MeasuredSteps, are_told_by_every_part_of_their_shape) {
  const DeviceModel model = measured_model();
  EXPECT_TRUE(is_measured(model, linear_shape));
  for (const auto& alter : std::vector<void (*)(StepShape&)>{
           [](StepShape& shape) { shape.op = Op::head_loss; }, [](StepShape& shape) { shape.in_cols = 65; },
           [](StepShape& shape) { shape.out_cols = 127; }, [](StepShape& shape) { shape.length = 16; },
           [](StepShape& shape) { shape.pass = Pass::backward_input; },
           [](StepShape& shape) { shape.part = Part::start; }}) {
    StepShape shape = linear_shape;
    alter(shape);
    EXPECT_FALSE(is_measured(model, shape));
  }
}

TEST(UnmeasuredSteps, run_at_their_class_share_of_the_peak) {
  StepWork work = work_of(100);
  work.in_cols = 63;
  EXPECT_DOUBLE_EQ(step_seconds(measured_model(), work), 1e6 / (1e9 * 0.5) + 1e-6);
}

TEST(SyncSeconds, go_by_their_part_or_else_by_rows) {
  DeviceModel model = measured_model();
  EXPECT_DOUBLE_EQ(sync_seconds(model, &SyncParts::update, 12), 4);
  model.sync_bytes_per_sec.update = 0;
  EXPECT_DOUBLE_EQ(sync_seconds(model, &SyncParts::update, 1e8), 1);
}

TEST(DeviceModelJson, reads_what_it_writes) {
  for (const DeviceModel& model : {measured_model(), *catalog_model("h800"), *catalog_model("cpu")}) {
    const nlohmann::json written = to_json(model);
    const DeviceModel read = device_model_from_json(nlohmann::json::parse(written.dump()));
    EXPECT_EQ(to_json(read), written);
    EXPECT_EQ(step_seconds(read, work_of(150)), step_seconds(model, work_of(150)));
  }
}

TEST(DeviceModelJson, keeps_every_part_of_a_step_by_name) {
  DeviceModel model = measured_model();
  const MeasuredOp op = model.measured[0];
  model.measured.clear();
  for (const Part part : {Part::whole, Part::start, Part::relay, Part::finish}) {
    model.measured.push_back(op);
    model.measured.back().part = part;
  }
  const nlohmann::json written = to_json(model);
  EXPECT_EQ(written["measured"][2]["part"], "relay");
  EXPECT_EQ(written["measured"][3]["part"], "finish");
  const DeviceModel read = device_model_from_json(written);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read.measured[i].part, model.measured[i].part);
}

std::string fault_of(const nlohmann::json& json) {
  try {
    device_model_from_json(json);
    return "none";
  } catch (const std::exception& error) {
    return error.what();
  }
}

TEST(DeviceModelJson, refuses_what_it_would_not_write) {
  const nlohmann::json good = to_json(measured_model());
  nlohmann::json bad = good;
  bad["version"] = 7;
  EXPECT_THAT(fault_of(bad), HasSubstr("another version"));
  bad = good;
  bad["measured"][0]["op"] = "sieve";
  EXPECT_THAT(fault_of(bad), HasSubstr("\"sieve\""));
  bad = good;
  bad["measured"][0]["rows_seconds"][1][0] = 100;
  EXPECT_THAT(fault_of(bad), HasSubstr("ascending"));
  bad = good;
  bad["local"]["latency_secs"] = -1;
  EXPECT_THAT(fault_of(bad), HasSubstr("below 0"));
  bad = good;
  bad["peak_flops"] = 0;
  EXPECT_THAT(fault_of(bad), HasSubstr("a peak"));
  bad = good;
  bad.erase("efficiencies");
  EXPECT_THAT(fault_of(bad), HasSubstr("efficiencies"));
  EXPECT_NE(fault_of(nlohmann::json::array()), "none");
}

}  // namespace
}  // namespace dsrun
