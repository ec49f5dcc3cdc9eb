// What an export says besides its weights: a model that others can use as it is, whole or not there at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/program.hpp"

namespace dsrun::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Export : public testing::Test {
 protected:
  JobFolder folder_;
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  Finished dsrun(std::vector<std::string> arguments) const {
    return Program(std::move(arguments), folder_.path()).wait();
  }

  void start(const std::string& run, std::vector<std::string> settings = {}) const {
    std::vector<std::string> arguments = {"--set", "job.steps=0"};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    const Finished done = folder_.run(run, arguments);
    ASSERT_EQ(done.exit_code, 0) << done.err;
  }
  Finished export_to(const std::string& run, const std::string& hf, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"export", at(run), at(hf), "--dtype", "fp32"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dsrun(arguments);
  }
  json config_of(const std::string& hf) const { return json::parse(read_text(at(hf) / "config.json")); }
  void change_config(const std::string& hf, const json& keys) const {
    json config = config_of(hf);
    config.update(keys);
    folder_.write(hf + "/config.json", config.dump());
  }
  std::vector<std::string> leftovers() const {
    std::vector<std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_.path()))
      if (entry.path().filename().string().starts_with(".")) found.push_back(entry.path().filename());
    return found;
  }
};

TEST_F(Export, has_the_length_of_training_or_that_of_yarn) {
  start("plain");
  start("yarn", {"model.yarn_factor=16", "model.yarn_original_length=64"});
  ASSERT_EQ(export_to("plain", "plain_hf").exit_code, 0);
  ASSERT_EQ(export_to("yarn", "yarn_hf").exit_code, 0);
  EXPECT_EQ(config_of("plain_hf")["max_position_embeddings"], 32);
  EXPECT_EQ(config_of("yarn_hf")["max_position_embeddings"], 1024);
  EXPECT_THAT(dsrun({"import", at("yarn_hf")}).err, Not(HasSubstr("max_position_embeddings")));
}

// All that an imported folder says and training does not change comes out again, byte by byte where it is a file.
TEST_F(Export, says_again_what_an_imported_folder_said) {
  start("run");
  ASSERT_EQ(export_to("run", "theirs").exit_code, 0);
  change_config("theirs", {{"model_type", "kimi_k2"},
                           {"max_position_embeddings", 131072},
                           {"eos_token_id", {10, 11}},
                           {"pad_token_id", 12},
                           {"auto_map", {{"AutoConfig", "configuration_deepseek.DeepseekV3Config"}}},
                           {"dtype", "float32"}});
  const std::vector<std::string> files = {"tokenizer_config.json",
                                          "chat_template.jinja",
                                          "generation_config.json",
                                          "special_tokens_map.json",
                                          "configuration_deepseek.py",
                                          "LICENSE",
                                          "additional_chat_templates/tool_use.jinja"};
  fs::create_directories(at("theirs/additional_chat_templates"));
  for (const std::string& file : files) folder_.write("theirs/" + file, "{\"from\": \"" + file + "\"}");
  start("tuned", {"model.init_from=theirs"});
  ASSERT_EQ(export_to("tuned", "ours").exit_code, 0);
  for (const std::string& file : files) EXPECT_EQ(read_text(at("ours") / file), read_text(at("theirs") / file)) << file;
  EXPECT_EQ(config_of("ours"), config_of("theirs"));
  EXPECT_EQ(read_text(at("ours/model.safetensors")), read_text(at("theirs/model.safetensors")));
}

TEST_F(Export, names_a_folder_that_is_gone_and_takes_another_place) {
  start("run");
  ASSERT_EQ(export_to("run", "theirs").exit_code, 0);
  change_config("theirs", {{"max_position_embeddings", 77}});
  start("tuned", {"model.init_from=theirs"});
  fs::rename(at("theirs"), at("moved"));
  ASSERT_EQ(export_to("tuned", "kept").exit_code, 0);  // from the run's own copies
  EXPECT_EQ(config_of("kept")["max_position_embeddings"], 77);
  fs::remove_all(at("tuned/imported"));  // as in the folder of an older run
  const Finished gone = export_to("tuned", "ours");
  EXPECT_EQ(gone.exit_code, 74);
  EXPECT_THAT(gone.err, AllOf(HasSubstr("model.init_from"), HasSubstr("theirs/config.json"), HasSubstr("--like")));
  EXPECT_FALSE(fs::exists(at("ours")));
  ASSERT_EQ(export_to("tuned", "ours", {"--like", at("moved")}).exit_code, 0);
  EXPECT_EQ(config_of("ours")["max_position_embeddings"], 77);
  ASSERT_EQ(export_to("tuned", "bare", {"--like", ""}).exit_code, 0);
  EXPECT_EQ(config_of("bare")["max_position_embeddings"], 32);
  start("wider", {"model.hidden=40"});
  EXPECT_THAT(export_to("wider", "no", {"--like", at("moved")}).err, HasSubstr("model.hidden is 32 there and 40 here"));
}

TEST_F(Export, checks_its_tokenizer_before_it_writes) {
  start("run");
  std::string job = read_text(at("run/job.toml"));
  const std::string none = "tokenizer = \"\"";
  job.replace(job.find(none), none.size(), "tokenizer = \"" + at("gone.json").string() + "\"");
  folder_.write("run/job.toml", job);
  const Finished gone = export_to("run", "out");
  EXPECT_EQ(gone.exit_code, 74);
  EXPECT_THAT(gone.err, AllOf(HasSubstr("data.tokenizer"), HasSubstr("gone.json"), HasSubstr("No such file")));
  EXPECT_FALSE(fs::exists(at("out")));
  EXPECT_TRUE(leftovers().empty());
  EXPECT_EQ(export_to("run", "out", {"--tokenizer", ""}).exit_code, 0);
}

// tests/fixtures/check_tokenizer.py asks transformers' AutoTokenizer for the same.
TEST_F(Export, has_a_tokenizer_where_tokens_are_bytes) {
  start("run");
  const Finished done = export_to("run", "hf");
  ASSERT_EQ(done.exit_code, 0);
  EXPECT_THAT(done.err, AllOf(HasSubstr("no token ends a text"), HasSubstr("chkhsh")));
  const json tokenizer = json::parse(read_text(at("hf/tokenizer.json")));
  const json vocab = tokenizer["model"]["vocab"];
  EXPECT_EQ(vocab.size(), 256u);
  EXPECT_EQ(vocab["A"], 65);
  EXPECT_EQ(vocab["Ġ"], 32);
  EXPECT_TRUE(tokenizer["model"]["merges"].empty());
  const json config = json::parse(read_text(at("hf/tokenizer_config.json")));
  EXPECT_EQ(config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_TRUE(config["eos_token"].is_null());
  EXPECT_TRUE(config_of("hf")["eos_token_id"].is_null());
  EXPECT_EQ(dsrun({"eval", at("hf"), "--data", at("hf/config.json")}).exit_code, 0);
}

TEST_F(Export, names_the_special_tokens_of_its_tokenizer) {
  std::string text;
  for (int line = 0; line < 400; ++line) text += "line " + std::to_string(line * line) + " of the words of a text\n";
  folder_.write("held.text", text);
  const auto tokenized = [&](const std::string& name, std::vector<std::string> train, std::vector<std::string> tokens) {
    train.insert(train.begin(), {"tokenizer", "train", "--vocab", "300", "--out", at(name + ".json"), at("held.text")});
    ASSERT_EQ(dsrun(train).exit_code, 0);
    tokens.insert(tokens.begin(),
                  {"tokenize", "--tokenizer", at(name + ".json"), "--out", at(name + ".tokens"), at("held.text")});
    ASSERT_EQ(dsrun(tokens).exit_code, 0);
    start(name, {"model.vocab=300", "data.files=[\"" + name + ".tokens\"]", "data.tokenizer=\"" + name + ".json\""});
    const Finished done = export_to(name, name + "_hf");
    ASSERT_EQ(done.exit_code, 0) << done.err;
    EXPECT_THAT(done.err, Not(HasSubstr("no token ends a text")));
  };
  tokenized("ours", {}, {});
  json config = json::parse(read_text(at("ours_hf/tokenizer_config.json")));
  EXPECT_EQ(config["bos_token"], "<｜begin▁of▁sentence｜>");
  EXPECT_EQ(config["eos_token"], "<｜end▁of▁sentence｜>");
  EXPECT_EQ(config["pad_token"], "<｜▁pad▁｜>");
  EXPECT_EQ(config["add_bos_token"], false);
  EXPECT_EQ(config_of("ours_hf")["bos_token_id"], 0);
  EXPECT_EQ(config_of("ours_hf")["eos_token_id"], 1);
  EXPECT_EQ(json::parse(read_text(at("ours_hf/generation_config.json"))),
            (json{{"bos_token_id", 0}, {"eos_token_id", 1}}));
  // The token that ended the documents counts, whatever others are named.
  tokenized("chosen", {"--special", "<|endoftext|>", "--special", "<stop>"}, {"--end-token", "<stop>"});
  config = json::parse(read_text(at("chosen_hf/tokenizer_config.json")));
  EXPECT_EQ(config["eos_token"], "<stop>");
  EXPECT_TRUE(config["bos_token"].is_null());
  EXPECT_EQ(config_of("chosen_hf")["eos_token_id"], 1);
}

TEST_F(Export, makes_a_tokenizer_json_of_a_tiktoken_model) {
  const std::string kimi = DSRUN_SOURCE_DIR "/tests/fixtures/tokenizer/kimi/tiktoken.model";
  folder_.write("held.text", std::string(4000, 'a') + " deep学习 text");
  ASSERT_EQ(dsrun({"tokenize", "--tokenizer", kimi, "--out", at("k.tokens"), at("held.text")}).exit_code, 0);
  start("kimi", {"model.vocab=1206", "data.files=[\"k.tokens\"]", "data.tokenizer=\"" + kimi + "\""});
  ASSERT_EQ(export_to("kimi", "kimi_hf").exit_code, 0);
  EXPECT_EQ(read_text(at("kimi_hf/tiktoken.model")), read_text(kimi));
  EXPECT_EQ(json::parse(read_text(at("kimi_hf/tokenizer_config.json")))["eos_token"], "[EOS]");
  EXPECT_EQ(config_of("kimi_hf")["eos_token_id"], 1202);
  EXPECT_EQ(dsrun({"eval", at("kimi_hf"), "--data", at("held.text")}).exit_code, 0);
}

// A run whose tokens are its tokenizer's: born here, or from a folder with another tokenizer, or with none.
TEST_F(Export, has_the_ids_and_files_of_the_tokenizer_that_the_run_used) {
  std::string text;
  for (int line = 0; line < 400; ++line) text += "line " + std::to_string(line * line) + " of the words of a text\n";
  folder_.write("held.text", text);
  for (const char* name : {"t.json", "u.json"})
    ASSERT_EQ(
        dsrun({"tokenizer", "train", "--vocab", name[0] == 't' ? "300" : "299", "--out", at(name), at("held.text")})
            .exit_code,
        0);
  ASSERT_EQ(dsrun({"tokenize", "--tokenizer", at("t.json"), "--out", at("t.tokens"), at("held.text")}).exit_code, 0);
  const std::vector<std::string> tokens = {"model.vocab=300", "data.files=[\"t.tokens\"]", "data.tokenizer=\"t.json\""};
  start("born", tokens);
  ASSERT_EQ(export_to("born", "theirs").exit_code, 0);
  const json born = config_of("theirs");
  EXPECT_EQ(json::parse(read_text(at("theirs/generation_config.json"))).value("eos_token_id", json()),
            born["eos_token_id"]);
  EXPECT_EQ(read_text(at("theirs/tokenizer.json")), read_text(at("t.json")));
  change_config("theirs", {{"eos_token_id", {7, 8}}, {"bos_token_id", 9}});
  folder_.write("theirs/generation_config.json", "{\"eos_token_id\": 8}");
  std::vector<std::string> tuned = tokens;
  tuned.emplace_back("model.init_from=theirs");
  start("same", tuned);
  ASSERT_EQ(export_to("same", "same_hf").exit_code, 0);
  EXPECT_EQ(config_of("same_hf")["eos_token_id"], (json{7, 8}));
  fs::copy_file(at("u.json"), at("theirs/tokenizer.json"), fs::copy_options::overwrite_existing);
  start("other", tuned);
  const Finished other = export_to("other", "other_hf");
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("its tokenizer's files and ids are left out"));
  EXPECT_EQ(config_of("other_hf")["eos_token_id"], born["eos_token_id"]);
  EXPECT_EQ(read_text(at("other_hf/tokenizer.json")), read_text(at("t.json")));
  fs::remove(at("theirs/tokenizer.json"));
  start("none", tuned);
  ASSERT_EQ(export_to("none", "none_hf").exit_code, 0);
  EXPECT_EQ(config_of("none_hf")["eos_token_id"], (json{7, 8}));
  EXPECT_EQ(read_text(at("none_hf/tokenizer.json")), read_text(at("t.json")));
  EXPECT_EQ(read_text(at("none_hf/generation_config.json")), "{\"eos_token_id\": 8}");
}

TEST_F(Export, appears_whole_beside_other_files_or_not_at_all) {
  start("run");
  fs::create_directories(at("mine"));
  folder_.write("mine/README.md", "about it");
  ASSERT_EQ(export_to("run", "mine", {"--shard-gb", "0.001"}).exit_code, 0);
  EXPECT_EQ(read_text(at("mine/README.md")), "about it");
  EXPECT_EQ(dsrun({"import", at("mine")}).exit_code, 0);
  const Finished again = export_to("run", "mine");
  EXPECT_EQ(again.exit_code, 74);
  EXPECT_THAT(again.err, HasSubstr("already holds"));
  fs::create_directories(at(".new.dsrun-export"));  // as a killed export leaves it
  folder_.write(".new.dsrun-export/model.safetensors", "half");
  EXPECT_EQ(export_to("run", "new/").exit_code, 0);
  EXPECT_EQ(dsrun({"import", at("new")}).exit_code, 0);
  folder_.write("file", "");
  EXPECT_THAT(export_to("run", "file").err, HasSubstr("no folder"));
  EXPECT_TRUE(leftovers().empty());
}

// The same rule wherever a config.json is read.
TEST_F(Export, an_unknown_key_is_a_fault_until_it_is_accepted) {
  start("run");
  ASSERT_EQ(export_to("run", "theirs").exit_code, 0);
  change_config("theirs", {{"llama_4_scaling", {{"beta", 0.1}}}});
  const std::vector<std::string> accept = {"--accept", "llama_4_scaling"};
  const std::string text = at("*.txt");
  for (std::vector<std::string> words : {std::vector<std::string>{"import", at("theirs")},
                                         {"eval", at("theirs"), "--data", text},
                                         {"generate", at("theirs"), "--tokens", "1"}}) {
    const Finished refused = dsrun(words);
    EXPECT_EQ(refused.exit_code, 74) << words[0];
    EXPECT_THAT(refused.err, AllOf(HasSubstr("llama_4_scaling"), HasSubstr("--accept llama_4_scaling")));
    words.insert(words.end(), accept.begin(), accept.end());
    const Finished taken = dsrun(words);
    EXPECT_EQ(taken.exit_code, 0) << taken.err;
    EXPECT_THAT(taken.err, HasSubstr("llama_4_scaling is unknown here and has no effect, as accepted"));
    if (words[0] == "import") {
      EXPECT_THAT(taken.out, HasSubstr("accept = [\"llama_4_scaling\"]"));
    }
  }
  EXPECT_THAT(dsrun({"eval", at("run"), "--data", text, "--accept", "x"}).err, HasSubstr("--accept is about"));
  const Finished refused = folder_.run("tuned", {"--set", "model.init_from=theirs"});
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("llama_4_scaling"));
  start("tuned", {"model.init_from=theirs", "model.accept=[\"llama_4_scaling\"]"});
  ASSERT_EQ(export_to("tuned", "ours").exit_code, 0);
  EXPECT_EQ(config_of("ours"), config_of("theirs"));
}

}  // namespace
}  // namespace dsrun::test
