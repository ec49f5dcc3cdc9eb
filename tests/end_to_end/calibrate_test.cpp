// dsrun calibrate, and where the model of a job's devices is looked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "dsrun/run/device_models.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Calibrate : public testing::Test {
 protected:
  Calibrate() { setenv("XDG_CACHE_HOME", cache().c_str(), 1); }
  ~Calibrate() override { unsetenv("XDG_CACHE_HOME"); }
  std::string cache() const { return (folder_.path() / "cache").string(); }
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }
  JobFolder folder_;
};

TEST_F(Calibrate, writes_the_model_that_plans_use) {
  const Finished calibrate = dsrun({"calibrate", "tiny.toml", "--seconds", "0.5"});
  ASSERT_EQ(calibrate.exit_code, 0) << calibrate.err;
  EXPECT_THAT(calibrate.out, HasSubstr("attention input gradient"));
  EXPECT_THAT(calibrate.out, HasSubstr("GFLOP/s"));
  EXPECT_THAT(calibrate.err, HasSubstr("written to " + cache()));
  const DeviceModel written = read_device_model(default_device_model_file());
  EXPECT_FALSE(written.measured.empty());
  EXPECT_GT(written.peak_flops, 0);
  std::vector<std::string> notes;
  const Job job = small_job({"precision.compute=" + written.precision});
  EXPECT_EQ(to_json(model_for(job, "", notes)), to_json(with_links(written, job.cluster)));
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(Calibrate, has_a_model_of_its_own) {
  const Finished calibrate =
      dsrun({"calibrate", "--seconds", "0", "--set", "model.layers=2", "--set", "batch.length=64"});
  ASSERT_EQ(calibrate.exit_code, 0) << calibrate.err;
  EXPECT_THAT(read_device_model(default_device_model_file()).source, HasSubstr("built-in"));
}

TEST_F(Calibrate, says_as_json_what_it_writes) {
  const Finished calibrate = dsrun({"calibrate", "tiny.toml", "--seconds", "0", "--out", "here.json", "-o", "json"});
  ASSERT_EQ(calibrate.exit_code, 0) << calibrate.err;
  EXPECT_EQ(nlohmann::json::parse(calibrate.out), nlohmann::json::parse(read_text(folder_.path() / "here.json")));
}

TEST_F(Calibrate, a_named_file_goes_before_the_cached_one_and_that_before_the_catalog) {
  const Job job = small_job({"precision.compute=fp32"});
  std::vector<std::string> notes;
  EXPECT_THAT(model_for(job, "", notes).source, HasSubstr("a guess"));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("dsrun calibrate")));
  DeviceModel model = model_for(job, "", notes);
  model.source = "cached";
  write_device_model(model, default_device_model_file());
  EXPECT_EQ(model_for(job, "", notes).source, "cached");
  model.source = "named";
  const std::string named = (folder_.path() / "named.json").string();
  write_device_model(model, named);
  EXPECT_EQ(model_for(job, named, notes).source, "named");
}

TEST_F(Calibrate, other_precision_and_processor_are_told) {
  const Job job = small_job({"precision.compute=fp64"});
  std::vector<std::string> notes;
  DeviceModel model = model_for(job, "", notes);
  model.precision = "fp32";
  model.processor = "an abacus";
  write_device_model(model, default_device_model_file());
  notes.clear();
  model_for(job, "", notes);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("an abacus"), HasSubstr("in fp32, but this job computes in fp64")));
}

TEST_F(Calibrate, refuses_damaged_files_by_name) {
  const auto code_of = [](const std::string& file) {
    try {
      read_device_model(file);
      return 0;
    } catch (const DeviceModelError& error) {
      EXPECT_THAT(error.what(), HasSubstr(file));
      return static_cast<int>(error.exit_code);
    }
  };
  folder_.write("torn.json", "{\"version\": 1, \"name\": \"cp");
  folder_.write("foreign.json", "{\"name\": \"left-pad\", \"version\": \"1.3.0\"}");
  EXPECT_EQ(code_of((folder_.path() / "torn.json").string()), 65);
  EXPECT_EQ(code_of((folder_.path() / "foreign.json").string()), 65);
  EXPECT_EQ(code_of((folder_.path() / "nowhere.json").string()), 74);
  EXPECT_EQ(code_of(folder_.path().string()), 74);
}

TEST_F(Calibrate, refuses_a_place_where_it_cannot_write) {
  folder_.write("file", "");
  const Finished calibrate = dsrun({"calibrate", "tiny.toml", "--seconds", "0", "--out", "file/model.json"});
  EXPECT_EQ(calibrate.exit_code, 74);
  EXPECT_THAT(calibrate.err, HasSubstr("cannot write file/model.json"));
}

}  // namespace
}  // namespace dsrun::test
