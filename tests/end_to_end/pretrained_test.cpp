// Models in Hugging Face's form, in and out of the command itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

class PretrainedModel : public testing::Test {
 protected:
  JobFolder folder_;
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }

  void train_and_export(const std::string& hf, const std::vector<std::string>& options = {}) const {
    const Finished run = folder_.run("run", {"--set", "job.steps=3"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    std::vector<std::string> arguments = {"export", at("run"), at(hf), "--dtype", "fp32"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Finished exported = dsrun(arguments);
    ASSERT_EQ(exported.exit_code, 0) << exported.err;
  }
};

TEST_F(PretrainedModel, a_round_trip_over_another_mesh_is_bit_exact) {
  train_and_export("out");
  const Finished run =
      folder_.run("again", {"--set", "model.init_from=out", "--set", "job.steps=0", "--set", "parallel.pipeline=4",
                            "--set", "parallel.data=1", "--set", "parallel.expert=1", "--set", "batch.microbatches=8"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_EQ(dsrun({"export", at("again"), at("back"), "--dtype", "fp32"}).exit_code, 0);
  EXPECT_EQ(read_text(at("back") / "config.json"), read_text(at("out") / "config.json"));
  EXPECT_EQ(read_text(at("back") / "model.safetensors"), read_text(at("out") / "model.safetensors"));
  // The validation loss of the run's end is that of the imported state.
  const auto trained = read_json_lines(at("run") / "metrics.jsonl"),
             imported = read_json_lines(at("again") / "metrics.jsonl");
  EXPECT_NEAR(trained.back().at("val_loss").get<double>(), imported.back().at("val_loss").get<double>(), 1e-5);
}

TEST_F(PretrainedModel, the_average_of_weights_is_a_model_of_its_own) {
  ASSERT_EQ(folder_.run("run", {"--set", "optimizer.ema_decay=0.9"}).exit_code, 0);
  for (const char* option : {"", "--ema"}) {
    const std::string hf = at(std::string("out") + option);
    std::vector<std::string> exporting = {"export", at("run"), hf, "--dtype", "fp32"};
    if (*option != '\0') exporting.emplace_back(option);
    ASSERT_EQ(dsrun(exporting).exit_code, 0);
  }
  EXPECT_NE(read_text(at("out") / "model.safetensors"), read_text(at("out--ema") / "model.safetensors"));
  folder_.write("held.txt", "the words of a text\n");
  const std::vector<std::string> from = {"--data", at("held.txt"), "-o", "json"};
  const auto loss = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "eval");
    arguments.insert(arguments.end(), from.begin(), from.end());
    const Finished done = dsrun(arguments);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return done.exit_code == 0 ? nlohmann::json::parse(done.out).at("loss").get<double>() : 0;
  };
  const double average = loss({at("run"), "--ema"});
  EXPECT_NEAR(average, loss({at("out--ema")}), 1e-5);
  EXPECT_GT(std::abs(average - loss({at("run")})), 1e-4);
  const Finished none = dsrun({"generate", at("out--ema"), "--ema"});
  EXPECT_EQ(none.exit_code, 74);
  EXPECT_THAT(none.err, HasSubstr("one set of weights"));
}

TEST_F(PretrainedModel, narrow_and_in_several_files) {
  train_and_export("wide");
  ASSERT_EQ(dsrun({"export", at("run"), at("narrow"), "--shard-gb", "0.001"}).exit_code, 0);
  for (const char* name : {"wide", "narrow"}) {
    const Finished import = dsrun({"import", at(name), "--name", name});
    EXPECT_EQ(import.exit_code, 0) << import.err;
    EXPECT_THAT(import.err, HasSubstr("all are finite"));
    folder_.write("imported.toml", import.out);
    const Finished check = dsrun({"check", at("imported.toml")});
    EXPECT_EQ(check.exit_code, 0) << check.err << import.out;
  }
}

TEST_F(PretrainedModel, a_run_goes_on_over_another_mesh) {
  // A constant learning rate, so that three steps and three more are six.
  const std::vector<std::string> constant = {"--set", "optimizer.final_lr=0.01"};
  ASSERT_EQ(folder_.run("run", {"--set", "optimizer.final_lr=0.01", "--set", "job.steps=3"}).exit_code, 0);
  std::vector<std::string> one_device = {"--set", "parallel.pipeline=1",     "--set", "parallel.data=1",
                                         "--set", "parallel.expert=1",       "--set", "parallel.schedule=1f1b",
                                         "--set", "cluster.node.0.devices=1"};
  one_device.insert(one_device.end(), constant.begin(), constant.end());
  const Finished refused = folder_.run("run", one_device);
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("parallel.pipeline"));
  std::vector<std::string> resume = one_device;
  resume.push_back("--resume");
  const Finished moved = folder_.run("run", resume);
  ASSERT_EQ(moved.exit_code, 0) << moved.err;
  ASSERT_EQ(folder_.run("straight", constant).exit_code, 0);
  const auto after = read_json_lines(at("run") / "metrics.jsonl"),
             straight = read_json_lines(at("straight") / "metrics.jsonl");
  EXPECT_NEAR(after.back().at("val_loss").get<double>(), straight.back().at("val_loss").get<double>(), 1e-3);
}

TEST_F(PretrainedModel, eval_and_generate_see_the_same_model_in_a_run_and_in_its_export) {
  train_and_export("out");
  const double trained = read_json_lines(at("run") / "metrics.jsonl").back().at("val_loss");
  // The validation part alone: the text's last twentieth.
  std::filesystem::path text;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    if (entry.path().extension() == ".txt") text = entry.path();
  const std::string all = read_text(text);
  std::filesystem::create_directory(at("held"));
  folder_.write("held/part", all.substr(static_cast<std::size_t>(static_cast<double>(all.size()) * 0.95)));
  for (const char* model : {"run", "out"}) {
    const Finished eval = dsrun({"eval", at(model), "--data", at("held/part"), "-o", "json"});
    ASSERT_EQ(eval.exit_code, 0) << eval.err;
    const auto report = nlohmann::json::parse(eval.out);
    EXPECT_NEAR(report.at("loss").get<double>(), trained, 0.02) << model;
    EXPECT_NEAR(report.at("bits_per_byte").get<double>(), report.at("loss").get<double>() / std::log(2.0), 1e-9);
    EXPECT_EQ(report.at("expert_load").size(), 3U);
  }
  const auto text_of = [&](const char* model, const char* seed) {
    const Finished finished = dsrun({"generate", at(model), "--prompt", "and the ", "--tokens", "60", "--seed", seed});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_EQ(finished.out.size(), 8U + 60 + 1);
    return finished.out;
  };
  EXPECT_EQ(text_of("run", "1"), text_of("out", "1"));
  EXPECT_NE(text_of("run", "1"), text_of("run", "2"));
  EXPECT_EQ(dsrun({"generate", folder_.path()}).exit_code, 74);
  EXPECT_EQ(dsrun({"eval", at("run"), "--data", at("none.txt")}).exit_code, 65);
}

TEST_F(PretrainedModel, prediction_modules_go_out_and_come_back_over_another_mesh) {
  ASSERT_EQ(folder_.run("run", {"--set", "model.mtp_depth=1", "--set", "job.steps=3"}).exit_code, 0);
  const auto lines = read_json_lines(at("run") / "metrics.jsonl");
  EXPECT_EQ(lines.front().at("mtp_loss").size(), 1U);
  EXPECT_EQ(lines.front().at("mtp_lambda"), 0.3);
  ASSERT_EQ(dsrun({"export", at("run"), at("out"), "--dtype", "fp32"}).exit_code, 0);
  const Finished again =
      folder_.run("again", {"--set", "model.mtp_depth=1", "--set", "model.init_from=out", "--set", "job.steps=0",
                            "--set", "parallel.schedule=1f1b", "--set", "parallel.pipeline=4", "--set",
                            "parallel.data=1", "--set", "parallel.expert=1"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  ASSERT_EQ(dsrun({"export", at("again"), at("back"), "--dtype", "fp32"}).exit_code, 0);
  EXPECT_EQ(read_text(at("back") / "model.safetensors"), read_text(at("out") / "model.safetensors"));
  EXPECT_NEAR(read_json_lines(at("again") / "metrics.jsonl").back().at("val_mtp_loss")[0].get<double>(),
              lines.back().at("val_mtp_loss")[0].get<double>(), 1e-5);
  const Finished import = dsrun({"import", at("out")});
  EXPECT_THAT(import.out, HasSubstr("mtp_depth = 1"));
  const Finished eval = dsrun({"eval", at("out"), "--data", at("*.txt"), "-o", "json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  const auto report = nlohmann::json::parse(eval.out);
  EXPECT_EQ(report.at("mtp_loss").size(), 1U);
  EXPECT_GT(report.at("mtp_drafted"), 0);
  EXPECT_GE(report.at("mtp_acceptance"), 0.0);
  EXPECT_LE(report.at("mtp_acceptance"), 1.0);
  const Finished without = folder_.run("plain", {"--set", "model.init_from=out", "--set", "job.steps=1"});
  ASSERT_EQ(without.exit_code, 0) << without.err;
  EXPECT_THAT(without.err, HasSubstr("1 multi-token prediction modules of the files are left out"));
}

TEST_F(PretrainedModel, another_model_and_damaged_files_are_refused_by_name) {
  train_and_export("out");
  Finished run = folder_.run("again", {"--set", "model.init_from=out", "--set", "model.hidden=64"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("model.hidden is 32 there and 64 here"));
  run = folder_.run("again", {"--set", "model.init_from=nowhere"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("nowhere/config.json"));
  std::filesystem::resize_file(at("out") / "model.safetensors", 5000);
  run = folder_.run("again", {"--set", "model.init_from=out"});
  EXPECT_EQ(run.exit_code, 65);
  EXPECT_THAT(run.err, HasSubstr("model.safetensors"));
  EXPECT_EQ(dsrun({"import", at("out")}).exit_code, 74);
  const Finished named = dsrun({"import", at("out"), "--name", "x y"});
  EXPECT_EQ(named.exit_code, 64);
  EXPECT_THAT(named.err, HasSubstr("cannot name a run's folder"));
  EXPECT_FALSE(std::filesystem::exists(at("again")));
  EXPECT_EQ(dsrun({"export", at("nowhere"), at("x")}).exit_code, 64);
}

}  // namespace
}  // namespace dsrun::test
